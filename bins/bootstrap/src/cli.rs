use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{ArgMatches, Command};
use serde::Deserialize;

use crate::config::UnitConfig;
use crate::journal::JournalFile;
use crate::log_writer::within_patience;
use crate::output::say;
use crate::settings::UnitSettings;
use crate::unit::Unit;
use crate::{StartError, backup, dead_letters, doctor, health, logging, supervisor};

/// The whole of a unit's main: reads the command line, does what it says, and turns an error into one line and an
/// exit code: 2 where the settings or the command line are wrong, 1 for anything else.
pub fn main<U: Unit>() -> ExitCode {
    let matches = match command::<U>().try_get_matches() {
        Ok(matches) => matches,
        Err(message) => return answered::<U>(&message),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed::<U>(&StartError::part(error)),
    };
    match runtime.block_on(run::<U>(&matches)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed::<U>(&error),
    }
}

/// Prints help, the version, or what is wrong with the command line.
fn answered<U: Unit>(message: &clap::Error) -> ExitCode {
    match message.print() {
        Err(error) if message.exit_code() == 0 => failed::<U>(&StartError::Output(error)),
        _ => u8::try_from(message.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from),
    }
}

fn command<U: Unit>() -> Command {
    let mut command = Command::new(U::NAME)
        .about(U::ABOUT)
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand(Command::new("serve").about("Run the unit (what happens without a command)"))
        .subcommand(Command::new("config").about("Print the effective settings, secrets masked"))
        .subcommand(Command::new("doctor").about("Ask everything that the settings name whether it is right"))
        .subcommand(Command::new("openapi").about("Print the OpenAPI document"))
        .subcommand(
            Command::new("healthcheck").about("Ask the running unit whether it is ready; exit 1 if not"),
        );
    if U::MIGRATES {
        command = command.subcommand(Command::new("migrate").about("Bring the schema up to date and exit"));
    }
    if U::HAS_BACKUP {
        command = command.subcommand(backup::command());
    }
    if U::HAS_DEAD_LETTERS {
        command = command.subcommand(dead_letters::command());
    }
    command.subcommands(U::commands())
}

/// The settings of a unit that has dead letters to look after.
#[derive(Deserialize)]
struct OfDeadLetters {
    dead_letters: JournalFile,
}

async fn run<U: Unit>(matches: &ArgMatches) -> Result<(), StartError> {
    // The document needs no settings, so that it can be had anywhere.
    if matches.subcommand_name() == Some("openapi") {
        return say(keeper_http_server::docs::document(U::DOCUMENT).map_err(StartError::part)?.trim_end());
    }
    let settings = UnitSettings::load(U::DEFAULTS)?;
    let common: UnitConfig = settings.read()?;
    // Read in full before anything is done, so that `config` and `healthcheck` refuse what `serve` would.
    let own: U::Settings = settings.read()?;
    if let Some((name, matches)) = matches.subcommand()
        && U::commands().iter().any(|command| command.get_name() == name)
    {
        let logging = common.check().and_then(|()| logging::start(&common.log, U::NAME));
        let log = logging.map_err(|wrong| settings.refused(&wrong))?;
        let done = U::command(own, matches);
        log.finish();
        return done;
    }
    let letters: Option<OfDeadLetters> = U::HAS_DEAD_LETTERS.then(|| settings.read()).transpose()?;
    let checked = common.check().and_then(|()| U::check(&own));
    let logging = checked.and_then(|()| logging::start(&common.log, U::NAME));
    let log = Arc::new(logging.map_err(|wrong| settings.refused(&wrong))?);
    let done = match (matches.subcommand(), letters) {
        (Some(("config", _)), _) => say(settings.masked()?.trim_end()),
        (Some(("doctor", _)), _) => doctor::run::<U>(own, &common).await,
        (Some(("healthcheck", _)), _) => health::check(common.management).await,
        (Some(("migrate", _)), _) => U::migrate(own).await,
        (Some(("backup", matches)), _) => backup::run::<U>(own, matches).await,
        (Some(("dead-letters", matches)), Some(letters)) => {
            dead_letters::run(U::dead_letters(own), letters.dead_letters, matches).await
        }
        _ => supervisor::run::<U>(own, &common, Arc::clone(&log)).await,
    };
    // Before what went wrong is told.
    log.finish();
    done
}

fn failed<U: Unit>(error: &StartError) -> ExitCode {
    let message = format!("{}: {error}\n", U::NAME);
    // There is nowhere to tell that standard error cannot be written.
    within_patience(move || drop(io::stderr().write_all(message.as_bytes())));
    match error {
        StartError::Settings(_) => ExitCode::from(2),
        StartError::Part(_) | StartError::Output(_) => ExitCode::FAILURE,
    }
}
