//! `keys create|list|revoke`: for operators, while the unit serves or not.

use std::fmt::Write;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command, value_parser};
use keeper_bootstrap::{StartError, SystemClock, WrongSetting, say};
use keeper_domain::{Scope, Scopes, Timestamp};
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
    let create = Command::new("create")
        .about("Make a key, print it once, and keep its hash")
        .arg(name.help("Whose key it is: the user whose orders are its own. Two keys may have one name"))
        .arg(scopes)
        .arg(days.help("After so many days it is refused; without this it never expires"));
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

fn create(file: &KeyFile, matches: &ArgMatches) -> Result<(), StartError> {
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
    file.add(entry.clone()).map_err(|error| failed(file, &error))?;
    audit("key created", &entry);
    // The only time that it is shown.
    say(key.expose())
}

fn failed(file: &KeyFile, error: &KeyFileError) -> StartError {
    StartError::Part(format!("auth.keys_file names the file {}, which {error}", file.path().display()))
}

fn audit(action: &'static str, entry: &KeyEntry) {
    tracing::info!(target: "audit", action, object = entry.id, name = entry.name, scopes = scopes(entry), "audit");
}

fn scopes(entry: &KeyEntry) -> String {
    entry.scopes.iter().map(Scope::as_str).collect::<Vec<_>>().join(",")
}

fn table(keys: &[KeyEntry]) -> String {
    let mut text = format!("{:<12}{:<26}{:<26}{:<26}{}\n", "ID", "CREATED", "EXPIRES", "NAME", "SCOPES");
    for key in keys {
        let expires = key.expires.map_or_else(|| "never".to_owned(), |expires| expires.to_string());
        let created = key.created.to_string();
        // Writing to memory cannot fail.
        let _ = writeln!(text, "{:<12}{created:<26}{expires:<26}{:<26}{}", key.id, key.name, scopes(key));
    }
    text
}
