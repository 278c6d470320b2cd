//! `doctor`: is everything that the settings name reachable and right? One line for each, with what to do.

use std::fmt::Write;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use crate::config::UnitConfig;
use crate::output::say;
use crate::unit::{Dependency, Unit};
use crate::{StartError, health};

/// The longest time that one dependency may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// What came of one question.
enum Finding {
    Good,
    /// Worth knowing, and no fault.
    Note(String),
    Wrong(String),
}

/// Asks everything, one after the other, and prints a line for each.
///
/// # Errors
/// Something is wrong.
pub(crate) async fn run<U: Unit>(settings: U::Settings, common: &UnitConfig) -> Result<(), StartError> {
    let mut report = Report::default();
    report.add("settings", Finding::Good);
    let running = health::is_running(common.management).await;
    let (api, management) = (common.http.socket(), common.management.socket());
    report.add(&format!("http, {api}"), listening(api, "http", running));
    report.add(&format!("management, {management}"), listening(management, "management", running));
    for (name, note) in U::not_asked(&settings) {
        report.add(name, Finding::Note(note));
    }
    for dependency in U::dependencies(settings).await? {
        report.add(dependency.probe.name(), ask::<U>(&dependency).await);
    }
    say(report.text.trim_end())?;
    match report.wrong {
        0 => Ok(()),
        1 => Err(StartError::Part("one thing is wrong".to_owned())),
        more => Err(StartError::Part(format!("{more} things are wrong"))),
    }
}

#[derive(Default)]
struct Report {
    text: String,
    wrong: usize,
}

impl Report {
    fn add(&mut self, name: &str, finding: Finding) {
        let written = match finding {
            Finding::Good => writeln!(self.text, "ok     {name}"),
            Finding::Note(note) => writeln!(self.text, "note   {name}: {note}"),
            Finding::Wrong(cause) => {
                self.wrong += 1;
                writeln!(self.text, "wrong  {name}: {cause}")
            }
        };
        // Writing to memory cannot fail.
        let _ = written;
    }
}

/// Says whether the unit could listen there.
fn listening(address: SocketAddr, section: &str, running: bool) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) => Finding::Good,
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && running => {
            Finding::Note("in use by the unit that runs now".to_owned())
        }
        Err(error) => {
            Finding::Wrong(format!("{error}. Look at {section}.address and {section}.port in the settings"))
        }
    }
}

async fn ask<U: Unit>(dependency: &Dependency) -> Finding {
    let cause = match tokio::time::timeout(CHECK_TIMEOUT, dependency.probe.check()).await {
        Ok(Ok(())) => return Finding::Good,
        Ok(Err(error)) => error.chain(),
        Err(_) => format!("no answer within {} seconds", CHECK_TIMEOUT.as_secs()),
    };
    let (section, unit) = (dependency.section, U::NAME);
    Finding::Wrong(format!("{cause}. Look at the section {section} of `{unit} config`"))
}
