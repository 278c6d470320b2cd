//! `keys create|list|revoke`: for operators, while the unit serves or not.

use std::fmt::Write;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command, value_parser};
use keeper_bootstrap::{BY_COMMAND, StartError, SystemClock, WrongSetting, nobody_sees, operator, say};
use keeper_domain::{Rate, RatePolicy, Rates, Scope, Scopes, Timestamp};
use keeper_identity::{ApiKey, AuthSettings, KeyEntry, KeyFile, KeyFileError};
use keeper_ports::Clock;
use ring::rand::SystemRandom;

const DAY: Duration = Duration::from_hours(24);

/// The command, for the command line.
pub fn command() -> Command {
    let scopes = Scope::ALL.map(Scope::as_str).join(", ");
    let name = Arg::new("name").long("name").required(true).value_name("NAME");
    let scopes = Arg::new("scopes")
        .long("scopes")
        .required(true)
        .value_name("SCOPES")
        .value_delimiter(',')
        .value_parser(|text: &str| Scope::named(text).ok_or("there is no such scope"))
        .help(format!("What it allows, separated by commas: {scopes}"));
    let days =
        Arg::new("days").long("days").value_name("DAYS").value_parser(value_parser!(u32).range(1..=36_500));
    let limits = Arg::new("limits")
        .long("limits")
        .value_name("LIMITS")
        .value_delimiter(',')
        .value_parser(limit)
        .help(format!(
            "How often it may call, where not as usual: POLICY=REQUESTS/SECONDS or POLICY=REQUESTS/SECONDS/BURST, separated by \
             commas. Policies: {}. Without a burst, all requests may come at once",
            RatePolicy::OF_CALLERS.map(RatePolicy::as_str).join(", ")
        ));
    let create = Command::new("create")
        .about("Make a key, print it once, and keep its hash")
        .arg(name.help("Whose key it is: the user whose orders are its own. Two keys may have one name"))
        .arg(scopes)
        .arg(days.help("After so many days it is refused; without this it never expires"))
        .arg(limits);
    let list = Command::new("list").about("List the keys; their secrets are not kept");
    let id = Arg::new("ID").required(true).help("The key's id, as `keys list` has it");
    let revoke =
        Command::new("revoke").about("Remove a key; a unit that runs refuses it within seconds").arg(id);
    Command::new("keys")
        .about("Look after the API keys in the file that auth.keys_file names")
        .after_help(
            "To ask callers for keys: set auth.keys_file to a file (KEEPER_AUTH__KEYS_FILE=keys.toml), make a key with \
             `keys create`, and start the unit with auth.mode = required (KEEPER_AUTH__MODE=required).",
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([create, list, revoke])
}

/// Carries out the command.
///
/// # Errors
/// No file is named, it cannot be used, or there is no such key.
pub fn run(settings: &AuthSettings, matches: &ArgMatches) -> Result<(), StartError> {
    let unnamed = || WrongSetting::new("auth.keys_file", "names no file: set it to the file of the API keys");
    let file = settings.keys().ok_or_else(|| StartError::part(unnamed()))?;
    match matches.subcommand() {
        Some(("create", matches)) => create(&file, matches),
        Some(("revoke", matches)) => {
            let id = matches.get_one::<String>("ID").map_or("", String::as_str);
            let entry = file.remove(id).map_err(|error| failed(&file, &error))?;
            audit("key revoked", &entry);
            say(format_args!("revoked {} of {}", entry.id, entry.name))
        }
        _ => say(table(&file.load_or_empty().map_err(|error| failed(&file, &error))?).trim_end()),
    }
}

/// Reads `orders=600/60` or `orders=600/60/100`.
fn limit(text: &str) -> Result<(RatePolicy, Rate), String> {
    let form = || "must be POLICY=REQUESTS/SECONDS or POLICY=REQUESTS/SECONDS/BURST".to_owned();
    let (name, rate) = text.split_once('=').ok_or_else(form)?;
    let policy = RatePolicy::OF_CALLERS.into_iter().find(|policy| policy.as_str() == name);
    let policy = policy.ok_or("there is no such policy")?;
    let numbers: Result<Vec<u32>, _> = rate.split('/').map(str::parse).collect();
    let (requests, window_s, burst) = match numbers.map_err(|_| form())?[..] {
        [requests, window_s] => (requests, window_s, requests),
        [requests, window_s, burst] => (requests, window_s, burst),
        _ => return Err(form()),
    };
    Ok((policy, Rate::new(requests, window_s, burst).map_err(|wrong| wrong.to_string())?))
}

fn create(file: &KeyFile, matches: &ArgMatches) -> Result<(), StartError> {
    if nobody_sees() {
        let why = "standard output is closed or /dev/null, and the key is shown only once: no key was made";
        return Err(StartError::Part(why.into()));
    }
    let name = matches.get_one::<String>("name").map_or("", String::as_str);
    let scopes: Scopes = matches.get_many::<Scope>("scopes").into_iter().flatten().copied().collect();
    let now = SystemClock.now();
    let days = matches.get_one::<u32>("days").copied();
    let expires = days.map(|days| Timestamp::from(now.as_datetime() + DAY * days));
    let none = || StartError::Part("the system gives no random numbers".into());
    let key = ApiKey::generate(&SystemRandom::new()).ok_or_else(none)?;
    let entry = KeyEntry::new(&key, name, scopes, now, expires);
    let entry = entry.map_err(|error| match error {
        KeyFileError::Entry { field, why, .. } => StartError::Part(format!("--{field} {why}")),
        error => StartError::part(error),
    })?;
    let limits: Rates =
        matches.get_many::<(RatePolicy, Rate)>("limits").into_iter().flatten().copied().collect();
    let entry = entry.limited(limits);
    file.add(entry.clone()).map_err(|error| failed(file, &error))?;
    audit("key created", &entry);
    // The only time that it is shown.
    say(key.expose()).or_else(|unseen| take_back(file, &entry, &unseen))
}

/// Nobody knows the secret of a key that could not be shown, and nobody would miss it.
fn take_back(file: &KeyFile, entry: &KeyEntry, unseen: &StartError) -> Result<(), StartError> {
    let id = &entry.id;
    let taken_back = file.remove(id);
    taken_back.map_err(|error| {
        let why = failed(file, &error);
        StartError::Part(format!(
            "{unseen}; the key {id} is in the file, and nobody knows it: revoke it ({why})"
        ))
    })?;
    audit("key revoked", entry);
    Err(StartError::Part(format!("{unseen}: the key {id} was removed again")))
}

fn failed(file: &KeyFile, error: &KeyFileError) -> StartError {
    StartError::Part(format!("auth.keys_file names the file {}, which {error}", file.path().display()))
}

fn audit(action: &'static str, entry: &KeyEntry) {
    tracing::info!(
        target: "audit",
        action,
        outcome = "done",
        caller = operator(),
        via = BY_COMMAND,
        object = entry.id,
        name = entry.name,
        scopes = scopes(entry),
        limits = limits(entry),
        "audit"
    );
}

fn scopes(entry: &KeyEntry) -> String {
    entry.scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(",")
}

/// As they are given to `keys create`.
fn limits(entry: &KeyEntry) -> String {
    let limit = |(policy, rate): (RatePolicy, Rate)| {
        format!("{}={}/{}/{}", policy.as_str(), rate.requests(), rate.window_s(), rate.burst())
    };
    let limits: Vec<_> = entry.limits.iter().map(limit).collect();
    if limits.is_empty() { "usual".to_owned() } else { limits.join(",") }
}

fn table(keys: &[KeyEntry]) -> String {
    let mut text = format!(
        "{:<12}{:<26}{:<26}{:<26}{:<40} {}\n",
        "ID", "CREATED", "EXPIRES", "NAME", "SCOPES", "LIMITS"
    );
    for key in keys {
        let expires = key.expires.map_or_else(|| "never".to_owned(), |expires| expires.to_string());
        let created = key.created.to_string();
        // Writing to memory cannot fail.
        let _ = writeln!(
            text,
            "{:<12}{created:<26}{expires:<26}{:<26}{:<40} {}",
            key.id,
            key.name,
            scopes(key),
            limits(key)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_policy_and_a_rate() {
        let rate = |requests, window_s, burst| Ok(Rate::new(requests, window_s, burst).unwrap());
        assert_eq!(limit("orders=600/60").map(|(_, rate)| rate), rate(600, 60, 600));
        let (policy, read) = limit("reads=600/60/100").unwrap();
        assert_eq!((policy, Ok(read)), (RatePolicy::Reads, rate(600, 60, 100)));
        for wrong in [
            "",
            "orders",
            "orders=",
            "orders=600",
            "orders=600/60/100/1",
            "orders=600/60/601",
            "orders=0/60",
            "orders=600/0",
            "orders=-1/60",
            "orders=6.5/60",
            "orders = 600/60",
            "failures=600/60",
            "Orders=600/60",
        ] {
            assert!(limit(wrong).is_err(), "{wrong}");
        }
    }
}
