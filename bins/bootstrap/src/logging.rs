use std::io::{self, IsTerminal};
use std::panic;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::WrongSetting;
use crate::config::{LogFormat, LogSettings};
use crate::json_lines::JsonLines;
use crate::log_writer::LogWriter;

/// Libraries whose own reports repeat what the adapters log, once, in an operator's words. `_` is Rocket's, too. Audit lines
/// are written at every level.
const QUIET: &str = ",lapin=off,rocket=off,_=off,sqlx=off,hyper=warn,audit=info";

/// Starts logging to standard error: one line per event. The writer is to be finished at the end of the process.
pub(crate) fn start(settings: &LogSettings, unit: &'static str) -> Result<LogWriter, WrongSetting> {
    let wrong = |error: &dyn std::fmt::Display| {
        let why = format!("must be a level such as info, or target=level pairs: {error}");
        WrongSetting::new("log.level", why)
    };
    // A bare word that is no level would be read as a module, and silence all others.
    let directives = settings.level.split(',').map(str::trim).filter(|directive| !directive.contains('='));
    for level in directives {
        level.parse::<LevelFilter>().map_err(|_| wrong(&format!("{level} is neither")))?;
    }
    let filter = EnvFilter::try_new(format!("{}{QUIET}", settings.level)).map_err(|error| wrong(&error))?;
    let (lines, writer) = LogWriter::start();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(lines)
        // The report of a failed write would be written to standard error past the writer, and may end the process.
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal());
    let started = match settings.format {
        LogFormat::Text => subscriber.with_target(false).try_init(),
        LogFormat::Json => subscriber.event_format(JsonLines).try_init(),
    };
    started.map_err(|error| wrong(&error))?;
    // Rocket alone has ten lines for each request, which the filter would refuse one by one.
    if log::max_level() == log::LevelFilter::Info {
        log::set_max_level(log::LevelFilter::Warn);
    }
    // A panic is a fault like any other: one line, in the log's format.
    panic::set_hook(Box::new(move |panic| {
        tracing::error!(unit, "panic: {}", panic.to_string().replace('\n', " "));
    }));
    Ok(writer)
}
