use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use clap::{ArgMatches, Command};
use keeper_http_server::{Dependencies, FrontMetrics, HttpMetrics, HttpSettings};
use keeper_ports::billing::DeadLetterOperations;
use keeper_ports::{Clock, Probe};
use prometheus::{IntGaugeVec, Opts, Registry};
use rocket::{Build, Rocket};
use serde::de::DeserializeOwned;

use crate::{StartError, Stop, SystemClock, WrongSetting};

/// Something that goes on beside the HTTP servers until it is told to stop.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a unit is assembled with.
pub struct Context {
    /// Where the public HTTP server listens.
    pub http: HttpSettings,
    /// Takes every instrument.
    pub registry: Registry,
    /// The public HTTP server's instruments.
    pub http_metrics: HttpMetrics,
    /// The instruments of its connections.
    pub front_metrics: FrontMetrics,
    /// The system's clock.
    pub clock: Arc<dyn Clock>,
    /// Tells tasks when to stop.
    pub stop: Stop,
}

impl Context {
    pub(crate) fn new(unit: &str, http: HttpSettings, stop: Stop) -> Result<Self, StartError> {
        let registry = Registry::new();
        let info = IntGaugeVec::new(Opts::new("build_info", "Always 1."), &["unit", "version"])?;
        info.with_label_values(&[unit, env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(Box::new(info))?;
        let http_metrics = HttpMetrics::register(&registry)?;
        let front_metrics = FrontMetrics::register(&registry)?;
        Ok(Self { http, registry, http_metrics, front_metrics, clock: Arc::new(SystemClock), stop })
    }

    /// The public HTTP server, to which the unit attaches its stages.
    pub fn api(&self) -> Rocket<Build> {
        keeper_http_server::api(self.http, self.http_metrics.clone()).manage(self.front_metrics.clone())
    }
}

/// What a unit is made of.
pub struct Parts {
    /// The public HTTP server.
    pub api: Rocket<Build>,
    /// What the unit needs to do its work.
    pub dependencies: Dependencies,
    /// What goes on beside the HTTP servers. A task that ends before it is told to takes the unit down.
    pub tasks: Vec<Task>,
    /// Printed on standard output when the unit listens.
    pub greeting: Option<String>,
}

/// Something that the unit needs, as `doctor` asks for it.
pub struct Dependency {
    /// The section of the settings that says where it is.
    pub section: &'static str,
    /// Asks it.
    pub probe: Arc<dyn Probe>,
}

impl Dependency {
    /// Asks it with this probe.
    pub fn new(section: &'static str, probe: impl Probe) -> Self {
        Self { section, probe: Arc::new(probe) }
    }
}

/// The dead letters, open for one command.
pub struct OpenDeadLetters {
    /// Looks after them.
    pub letters: Arc<dyn DeadLetterOperations>,
    /// Closes what was opened for them, when the command has done its work.
    pub close: Task,
}

/// One of the processes of the system.
pub trait Unit: Send + Sync + 'static {
    /// The unit's own sections of the settings.
    type Settings: DeserializeOwned + Send;
    /// The unit's name.
    const NAME: &'static str;
    /// One sentence for `--help`.
    const ABOUT: &'static str;
    /// The unit's `default.toml`.
    const DEFAULTS: &'static str;
    /// Which API it documents.
    const DOCUMENT: keeper_http_server::Document;
    /// It has a schema to migrate.
    const MIGRATES: bool;
    /// It has dead letters to look after.
    const HAS_DEAD_LETTERS: bool;
    /// It keeps its data itself, and backs it up.
    const HAS_BACKUP: bool = false;

    /// Reads the files that the settings name, and says whether the unit can be made with them. Every command asks this
    /// first: what only [`assemble`](Self::assemble) refused would be found when it is too late.
    ///
    /// # Errors
    /// A setting cannot work.
    fn check(settings: &Self::Settings) -> Result<(), WrongSetting>;

    /// Makes the unit. What it needs may be away: then it starts, and is not ready before each has answered once.
    ///
    /// # Errors
    /// A part cannot be made with these settings.
    fn assemble(
        settings: Self::Settings,
        context: &Context,
    ) -> impl Future<Output = Result<Parts, StartError>> + Send;

    /// What the settings name, to be asked once while the unit does not run.
    ///
    /// # Errors
    /// A part cannot be made with these settings.
    fn dependencies(
        settings: Self::Settings,
    ) -> impl Future<Output = Result<Vec<Dependency>, StartError>> + Send;

    /// What `doctor` cannot ask with these settings, and what is missing for it.
    fn not_asked(_settings: &Self::Settings) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The commands that only this unit has.
    fn commands() -> Vec<Command> {
        Vec::new()
    }

    /// Carries out one of [`commands`](Self::commands), before the settings are checked: it may make what they need.
    ///
    /// # Errors
    /// It is not done.
    fn command(_settings: Self::Settings, _matches: &ArgMatches) -> Result<(), StartError> {
        Err(StartError::Part("this unit has no such command".into()))
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    /// A migration fails, or the unit has no schema.
    fn migrate(_settings: Self::Settings) -> impl Future<Output = Result<(), StartError>> + Send {
        async { Err(StartError::Part("this unit has no schema".into())) }
    }

    /// Copies all data into a new folder, which is on the disk before `Ok`.
    ///
    /// # Errors
    /// The folder is there already, the data cannot be copied, or the unit keeps none.
    fn back_up(
        _settings: Self::Settings,
        _to: PathBuf,
    ) -> impl Future<Output = Result<(), StartError>> + Send {
        async { Err(StartError::Part("this unit keeps no data".into())) }
    }

    /// Opens the dead letters.
    ///
    /// # Errors
    /// They cannot be opened, or the unit has none.
    fn dead_letters(
        _settings: Self::Settings,
    ) -> impl Future<Output = Result<OpenDeadLetters, StartError>> + Send {
        async { Err(StartError::Part("this unit has no dead letters".into())) }
    }
}
