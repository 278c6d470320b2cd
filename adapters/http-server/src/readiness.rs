//! What is known of the dependencies of a unit, and what follows for its readiness.

use std::sync::{Arc, Mutex, PoisonError};

use keeper_ports::Probe;
use prometheus::{IntGauge, IntGaugeVec, Opts, Registry};
use serde::Serialize;

/// What a unit needs to do its work.
#[derive(Clone, Default)]
pub struct Dependencies {
    /// Each of these must have answered once before the unit is ready.
    pub required: Vec<Arc<dyn Probe>>,
    /// Reported, and no more: the unit does the greater part of its work without these.
    pub helpful: Vec<Arc<dyn Probe>>,
}

/// The dependencies of a unit with what was last heard of each. Cheap to clone.
#[derive(Clone)]
pub struct Readiness(Arc<[Arc<WatchedDependency>]>);

/// One dependency, and what was last heard of it.
pub struct WatchedDependency {
    probe: Arc<dyn Probe>,
    required: bool,
    up: IntGauge,
    state: Mutex<DependencyState>,
}

#[derive(Clone)]
struct DependencyState {
    has_answered: bool,
    failure: Option<String>,
}

/// How a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ReadinessStatus {
    /// A required dependency has not answered since the start: a roll-out stops here.
    Starting,
    /// All dependencies answer.
    Ready,
    /// One is away. What does not need it goes on, so the unit still takes requests.
    Degraded,
}

/// A dependency, as `/health/ready` shows it.
#[derive(Serialize)]
pub(crate) struct Check {
    name: &'static str,
    ok: bool,
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Readiness {
    /// Knows nothing of any dependency yet. Registers `dependency_up`.
    ///
    /// # Errors
    /// The instrument is registered already.
    pub fn new(dependencies: Dependencies, registry: &Registry) -> prometheus::Result<Self> {
        let up = Opts::new("dependency_up", "1 while the dependency answers, else 0.");
        let up = IntGaugeVec::new(up, &["name"])?;
        registry.register(Box::new(up.clone()))?;
        let Dependencies { required, helpful } = dependencies;
        let required = required.into_iter().map(|probe| (probe, true));
        let helpful = helpful.into_iter().map(|probe| (probe, false));
        let watched = required.chain(helpful).map(|(probe, required)| {
            let up = up.with_label_values(&[probe.name()]);
            let state = DependencyState { has_answered: false, failure: Some("not asked yet".to_owned()) };
            Arc::new(WatchedDependency { probe, required, up, state: Mutex::new(state) })
        });
        Ok(Self(watched.collect()))
    }

    /// The dependencies.
    pub fn dependencies(&self) -> impl Iterator<Item = Arc<WatchedDependency>> {
        self.0.iter().map(Arc::clone)
    }

    pub(crate) fn status(&self) -> ReadinessStatus {
        let states: Vec<_> = self.0.iter().map(|watched| (watched.required, watched.state())).collect();
        if states.iter().any(|(required, state)| *required && !state.has_answered) {
            ReadinessStatus::Starting
        } else if states.iter().any(|(_, state)| state.failure.is_some()) {
            ReadinessStatus::Degraded
        } else {
            ReadinessStatus::Ready
        }
    }

    pub(crate) fn checks(&self) -> Vec<Check> {
        let check = |watched: &Arc<WatchedDependency>| {
            let (error, required) = (watched.state().failure, watched.required);
            Check { name: watched.probe.name(), ok: error.is_none(), required, error }
        };
        self.0.iter().map(check).collect()
    }
}

impl WatchedDependency {
    /// What asks the dependency.
    pub fn probe(&self) -> &dyn Probe {
        &*self.probe
    }

    /// The dependency answered, or it did not, for this reason.
    pub fn record(&self, outcome: Result<(), String>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.up.set(outcome.is_ok().into());
        state.has_answered |= outcome.is_ok();
        state.failure = outcome.err();
    }

    /// It has answered since the start.
    pub fn has_answered(&self) -> bool {
        self.state().has_answered
    }

    fn state(&self) -> DependencyState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
