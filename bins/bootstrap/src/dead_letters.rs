//! `dead-letters list|show|replay|discard`: for operators, against the live queue.

use std::fmt::Write;

use chrono::Utc;
use clap::{Arg, ArgAction, ArgMatches, Command};
use keeper_domain::{DeadLetter, DeadLetterId, Timestamp};
use keeper_ports::PortError;
use keeper_ports::billing::DeadLetters;
use serde_json::{Value, json};

use crate::cli::say;
use crate::journal::Journal;
use crate::{OpenDeadLetters, StartError};

/// The most dead letters that are looked through for one of them.
const MOST: usize = 100_000;

pub(crate) fn command() -> Command {
    let id = || Arg::new("ID").help("The dead letter's id, as `list` shows it");
    let json = || Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print JSON");
    let all = Arg::new("all").long("all").action(ArgAction::SetTrue).help("Replay all that are there now");
    let reason =
        Arg::new("reason").long("reason").required(true).help("Why it is thrown away, for the audit log");
    let limit = Arg::new("limit")
        .long("limit")
        .value_parser(clap::value_parser!(usize))
        .default_value("100")
        .help("Show at most so many, oldest first");
    Command::new("dead-letters")
        .about("Look after the messages that could not be processed")
        .subcommand_required(true)
        .subcommand(Command::new("list").about("List them").arg(json()).arg(limit))
        .subcommand(
            Command::new("show")
                .about("Show one with its headers and its body")
                .arg(id().required(true))
                .arg(json()),
        )
        .subcommand(
            Command::new("replay")
                .about("Put one, or all, back into the order queue as they first came")
                .arg(id().required_unless_present("all").conflicts_with("all"))
                .arg(all),
        )
        .subcommand(Command::new("discard").about("Throw one away").arg(id().required(true)).arg(reason))
        .subcommand(Command::new("journal").about("Print what was thrown away, one JSON object a line"))
}

/// Does what the command line says; the dead letters are opened where they are needed.
pub(crate) async fn run(
    open: impl Future<Output = Result<OpenDeadLetters, StartError>>,
    journal: &Journal,
    matches: &ArgMatches,
) -> Result<(), StartError> {
    if matches.subcommand_name() == Some("journal") {
        return journal.print();
    }
    let OpenDeadLetters { letters, close } = open.await?;
    let done = match matches.subcommand() {
        Some(("show", matches)) => show(&*letters, matches).await,
        Some(("replay", matches)) => replay(&*letters, matches).await,
        Some(("discard", matches)) => discard(&*letters, journal, matches).await,
        Some((_, matches)) => list(&*letters, matches).await,
        None => Ok(()),
    };
    close.await;
    done
}

async fn list(letters: &dyn DeadLetters, matches: &ArgMatches) -> Result<(), StartError> {
    let limit = matches.get_one("limit").copied().unwrap_or(100);
    let found = letters.list(limit).await.map_err(|error| failed(&error))?;
    if matches.get_flag("json") {
        say(format_args!("{}", Value::Array(found.iter().map(as_json).collect())));
        return Ok(());
    }
    say(format_args!("{:36}  {:24}  {:13}  {:36}  DETAIL", "ID", "FIRST SEEN", "REASON", "ORDER"));
    for letter in &found {
        let order = letter.order_id.as_deref().unwrap_or("-");
        let seen = letter.first_seen.to_string();
        say(format_args!(
            "{:36}  {seen:24}  {:13}  {order:36}  {}",
            letter.id.to_string(),
            letter.reason.as_str(),
            letter.detail
        ));
    }
    Ok(())
}

/// The dead letters of an id: equal messages have the same.
async fn find(letters: &dyn DeadLetters, id: DeadLetterId) -> Result<Vec<DeadLetter>, StartError> {
    let mut found = letters.list(MOST).await.map_err(|error| failed(&error))?;
    found.retain(|letter| letter.id == id);
    if found.is_empty() { Err(missing(id)) } else { Ok(found) }
}

async fn show(letters: &dyn DeadLetters, matches: &ArgMatches) -> Result<(), StartError> {
    let letter = find(letters, id_of(matches)?).await?.swap_remove(0);
    if matches.get_flag("json") {
        say(format_args!("{}", as_json(&letter)));
        return Ok(());
    }
    say(format_args!("id          {}", letter.id));
    say(format_args!("reason      {}", letter.reason.as_str()));
    say(format_args!("detail      {}", letter.detail));
    say(format_args!("first seen  {}", letter.first_seen));
    say(format_args!("order id    {}", letter.order_id.as_deref().unwrap_or("-")));
    for (name, value) in &letter.headers {
        say(format_args!("header      {name}: {value}"));
    }
    say(format_args!("body        {}", String::from_utf8_lossy(&letter.body)));
    Ok(())
}

async fn replay(letters: &dyn DeadLetters, matches: &ArgMatches) -> Result<(), StartError> {
    let ids = if matches.get_flag("all") { None } else { Some(vec![id_of(matches)?]) };
    let one = ids.as_ref().and_then(|ids| ids.first().copied());
    let replayed = letters.replay(ids).await.map_err(|error| failed(&error))?;
    match one {
        Some(id) if replayed == 0 => return Err(missing(id)),
        _ => say(format_args!("{replayed} replayed")),
    }
    Ok(())
}

async fn discard(
    letters: &dyn DeadLetters,
    journal: &Journal,
    matches: &ArgMatches,
) -> Result<(), StartError> {
    let id = id_of(matches)?;
    let reason = matches.get_one::<String>("reason").map_or("", String::as_str).trim();
    if reason.is_empty() {
        return Err(StartError::Part("--reason must not be empty".into()));
    }
    // Kept before it goes. A command that is interrupted in between has kept what is still there.
    for letter in find(letters, id).await? {
        journal.append(&json!({
            "discarded_at": Timestamp::from(Utc::now()).to_string(),
            "because": reason,
            "dead_letter": as_json(&letter),
        }))?;
    }
    let discarded = letters.discard(vec![id]).await.map_err(|error| failed(&error))?;
    if discarded == 0 {
        return Err(missing(id));
    }
    tracing::info!(audit = true, dead_letter = %id, reason, discarded, "dead letter discarded");
    say(format_args!("{discarded} discarded"));
    Ok(())
}

fn id_of(matches: &ArgMatches) -> Result<DeadLetterId, StartError> {
    let id = matches.get_one::<String>("ID").map_or("", String::as_str);
    DeadLetterId::parse(id).map_err(StartError::part)
}

fn missing(id: DeadLetterId) -> StartError {
    StartError::Part(format!("there is no dead letter {id}"))
}

fn failed(error: &PortError) -> StartError {
    StartError::Part(error.chain())
}

fn as_json(letter: &DeadLetter) -> Value {
    let headers: serde_json::Map<_, _> =
        letter.headers.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect();
    let mut json = json!({
        "id": letter.id.to_string(),
        "reason": letter.reason.as_str(),
        "detail": letter.detail,
        "first_seen": letter.first_seen.to_string(),
        "order_id": letter.order_id,
        "headers": headers,
        "body": String::from_utf8_lossy(&letter.body),
    });
    // What is not text is there in full all the same.
    if std::str::from_utf8(&letter.body).is_err() {
        let mut hex = String::with_capacity(2 * letter.body.len());
        letter.body.iter().for_each(|byte| {
            let _ = write!(hex, "{byte:02x}");
        });
        json["body_hex"] = hex.into();
    }
    json
}
