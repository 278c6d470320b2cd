//! `dead-letters list|show|replay|discard`: for operators, against the live queue.

pub(crate) mod text;

use std::io::{self, Write};

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command};
use keeper_domain::{DeadLetterId, DeadLetterReason, DeadLetterSelection, DeadLettersTaken};
use keeper_ports::billing::DeadLetterOperations;
use keeper_ports::{PortError, PortResult};
use serde_json::Value;

use self::text::{Count, as_json, json_line};
use crate::audit::changed;
use crate::journal::JournalFile;
use crate::output::say;
use crate::{OpenDeadLetters, StartError};

pub(crate) fn command() -> Command {
    let id = || Arg::new("ID").help("The dead letter's id, as `list` shows it");
    let json = || Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print JSON");
    let all = Arg::new("all").long("all").action(ArgAction::SetTrue).help("Replay all that are there now");
    let because =
        Arg::new("reason").long("reason").required(true).help("Why it is thrown away, for the audit log");
    let reason = Arg::new("reason")
        .long("reason")
        .value_parser(DeadLetterReason::ALL.map(DeadLetterReason::as_str))
        .help("Replay those that are there now for this reason");
    let limit = Arg::new("limit")
        .long("limit")
        .value_parser(clap::value_parser!(usize))
        .default_value("100")
        .help("Show at most so many, oldest first");
    Command::new("dead-letters")
        .about("Look after the messages that could not be processed")
        .after_help("Messages that somebody else took from RabbitMQ with basic.get and holds are not seen.")
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
                .about("Put one, those of a reason, or all, back into the order queue as they first came")
                .arg(id())
                .arg(reason)
                .arg(all)
                .group(ArgGroup::new("which").args(["ID", "reason", "all"]).required(true)),
        )
        .subcommand(Command::new("discard").about("Throw one away").arg(id().required(true)).arg(because))
        .subcommand(Command::new("journal").about("Print what was thrown away, one JSON object a line"))
}

/// Does what the command line says; the dead letters are opened where they are needed.
pub(crate) async fn run(
    open: impl Future<Output = Result<OpenDeadLetters, StartError>>,
    journal: JournalFile,
    matches: &ArgMatches,
) -> Result<(), StartError> {
    if matches.subcommand_name() == Some("journal") {
        return journal.print();
    }
    let OpenDeadLetters { letters, close } = open.await?;
    let done = match matches.subcommand() {
        Some(("show", matches)) => show(&*letters, matches).await,
        Some(("replay", matches)) => replay(&*letters, matches).await,
        Some(("discard", matches)) => discard(&*letters, matches).await,
        Some((_, matches)) => list(&*letters, matches).await,
        None => Ok(()),
    };
    close.await;
    done
}

async fn list(letters: &dyn DeadLetterOperations, matches: &ArgMatches) -> Result<(), StartError> {
    let limit = matches.get_one("limit").copied().unwrap_or(100);
    let found = letters.list(limit).await.map_err(|error| failed(&error))?;
    if !matches.get_flag("json") {
        return say(text::table(&found).trim_end());
    }
    say(json_line(&Value::Array(found.letters.iter().map(as_json).collect())))?;
    // Standard output is JSON and nothing else.
    if let Some(note) = text::not_shown(&found) {
        let _ = writeln!(io::stderr(), "{note}");
    }
    Ok(())
}

async fn show(letters: &dyn DeadLetterOperations, matches: &ArgMatches) -> Result<(), StartError> {
    let id = id_of(matches)?;
    let found = letters.find(id).await.map_err(|error| failed(&error))?;
    // Equal messages have the same id, and nothing else to show.
    let letter = found.letters.first().ok_or_else(|| StartError::Part(text::missing(id, found.coverage)))?;
    if matches.get_flag("json") {
        say(json_line(&as_json(letter)))
    } else {
        say(text::details(letter).trim_end())
    }
}

async fn replay(letters: &dyn DeadLetterOperations, matches: &ArgMatches) -> Result<(), StartError> {
    let selection = selected(matches)?;
    let replayed = letters.replay(selection.clone()).await;
    let (object, reason) = match &selection {
        DeadLetterSelection::All => (None, "all"),
        DeadLetterSelection::Reason(reason) => (None, reason.as_str()),
        DeadLetterSelection::Ids(ids) => (ids.first().map(DeadLetterId::to_string), ""),
    };
    changed("dead letters replayed", object.as_deref(), reason, taken(&replayed));
    let DeadLettersTaken { count, coverage } = replayed.map_err(|error| failed(&error))?;
    if let DeadLetterSelection::Ids(ids) = selection {
        return match &ids[..] {
            [id] if count == 0 => Err(StartError::Part(text::missing(*id, coverage))),
            _ => say(format_args!("{count} replayed")),
        };
    }
    say(format_args!("{count} replayed"))?;
    if !coverage.is_whole() {
        let (unseen, total) = (Count(coverage.total - coverage.seen), Count(coverage.total));
        let why = format!("{unseen} of {total} dead letters could not be looked at, and stay; try again");
        return Err(StartError::Part(why));
    }
    Ok(())
}

async fn discard(letters: &dyn DeadLetterOperations, matches: &ArgMatches) -> Result<(), StartError> {
    let id = id_of(matches)?;
    let reason = matches.get_one::<String>("reason").map_or("", String::as_str).trim();
    if reason.is_empty() {
        return Err(StartError::Part("--reason must not be empty".into()));
    }
    let discarded = letters.discard(id, reason.to_owned()).await;
    changed("dead letter discarded", Some(&id.to_string()), reason, taken(&discarded));
    let DeadLettersTaken { count, coverage } = discarded.map_err(|error| failed(&error))?;
    if count == 0 {
        return Err(StartError::Part(text::missing(id, coverage)));
    }
    say(format_args!("{count} discarded"))
}

/// How many there were, for the audit line.
fn taken(of: &PortResult<DeadLettersTaken>) -> Result<u64, &PortError> {
    of.as_ref().map(|taken| taken.count)
}

/// What `replay` is to put back.
fn selected(matches: &ArgMatches) -> Result<DeadLetterSelection, StartError> {
    if matches.get_flag("all") {
        return Ok(DeadLetterSelection::All);
    }
    let reason = matches.get_one::<String>("reason").and_then(|reason| DeadLetterReason::parse(reason));
    match reason {
        Some(reason) => Ok(DeadLetterSelection::Reason(reason)),
        None => Ok(DeadLetterSelection::Ids(vec![id_of(matches)?])),
    }
}

fn id_of(matches: &ArgMatches) -> Result<DeadLetterId, StartError> {
    let id = matches.get_one::<String>("ID").map_or("", String::as_str);
    DeadLetterId::parse("ID", id).map_err(StartError::part)
}

fn failed(error: &PortError) -> StartError {
    StartError::Part(error.chain())
}
