//! `backup PATH`: for operators, while the unit serves or not.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command, value_parser};
use tokio::signal::unix::{SignalKind, signal};

use crate::StartError;
use crate::output::say;
use crate::unit::Unit;

pub(crate) fn command() -> Command {
    let path = Arg::new("PATH")
        .required(true)
        .value_parser(value_parser!(PathBuf))
        .help("The folder to make; it must not exist, or be empty. storage.directory may name it later");
    Command::new("backup").about("Copy all data into a new folder, while the unit serves or not").arg(path)
}

/// Makes the backup. Nothing of it is left when it fails, or when a signal comes first.
pub(crate) async fn run<U: Unit>(settings: U::Settings, matches: &ArgMatches) -> Result<(), StartError> {
    let path = matches.get_one::<PathBuf>("PATH").cloned().unwrap_or_default();
    let shown = path.display().to_string();
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::part)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::part)?;
    tokio::select! {
        done = U::back_up(settings, path) => done?,
        _ = terminate.recv() => return Err(StartError::Part("terminated: there is no backup".into())),
        _ = interrupt.recv() => return Err(StartError::Part("interrupted: there is no backup".into())),
    }
    say(format_args!("backed up to {shown}"))
}
