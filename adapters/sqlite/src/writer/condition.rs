use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::opened_file::BUSY_TIMEOUT;

/// How long a write may take before further ones are refused. Far above what it takes on a slow disk.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
/// The same for a write of a crowd, each of which has a place that requests of the other file need, and for one that is tried.
const SHORT_PATIENCE: Duration = Duration::from_secs(1);
/// So many that wait are a crowd.
const CROWD: usize = 128;

/// Whether the writes of a database go through: while they do not, one at a time is tried, and the others are refused at once.
/// Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Condition(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// The writes that somebody waits for.
    waited_for: usize,
    /// Since when those in hand are made.
    busy_since: Option<Instant>,
    /// Why the last ones failed, if the store was at fault.
    failure: Option<String>,
}

/// A write that is waited for, until it is dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    condition: Condition,
    /// How long it may wait before it is begun.
    pub(super) patience: Duration,
}

/// Writes that are made, until it is dropped.
#[derive(Debug)]
pub(super) struct Busy(Condition);

impl Condition {
    /// Lets somebody wait for a write.
    ///
    /// # Errors
    /// Writes do not go through, for this reason, and somebody tries already.
    pub(super) fn admit(&self) -> Result<Admitted, String> {
        let mut state = self.state();
        let patience = match state.waited_for {
            CROWD.. => SHORT_PATIENCE,
            _ if state.ailment(PATIENCE).is_some() => SHORT_PATIENCE,
            // One alone costs nobody anything; it waits as long as the store does for another process.
            0 => BUSY_TIMEOUT + PATIENCE,
            _ => PATIENCE,
        };
        if let Some(why) = state.ailment(patience).filter(|_| state.waited_for > 0) {
            return Err(why);
        }
        state.waited_for += 1;
        Ok(Admitted { condition: self.clone(), patience })
    }

    /// Says why writes do not go through, if so.
    pub(super) fn ailment(&self) -> Option<String> {
        self.state().ailment(PATIENCE)
    }

    /// The last write failed, and none has succeeded since.
    pub(super) fn has_failed(&self) -> bool {
        self.state().failure.is_some()
    }

    pub(super) fn begin(&self) -> Busy {
        self.state().busy_since = Some(Instant::now());
        Busy(self.clone())
    }

    pub(super) fn succeeded(&self) {
        self.state().failure = None;
    }

    pub(super) fn failed(&self, why: String) {
        self.state().failure = Some(why);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A write that takes longer than that is one.
    fn ailment(&self, patience: Duration) -> Option<String> {
        let stalled = || self.busy_since.is_some_and(|since| since.elapsed() > patience);
        self.failure.clone().or_else(|| stalled().then(|| "a write does not come to its end".to_owned()))
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.condition.state().waited_for -= 1;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.state().busy_since = None;
    }
}
