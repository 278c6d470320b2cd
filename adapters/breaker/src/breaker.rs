use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::IntGauge;
use tokio::time::Instant;
use tracing::{info, warn};

/// How long a call may take before it counts as stalled. Far above what a call takes that goes well, and far below what a
/// client waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// So many calls in a row must stall, with no answer between them, before the breaker opens. One alone may be a slow search.
const STALLS: u32 = 5;

/// How long calls fail at once before one is tried.
const PAUSE: Duration = Duration::from_secs(1);

/// Decides which calls of an upstream go through.
#[derive(Debug)]
pub(crate) struct Breaker {
    upstream: &'static str,
    state: Mutex<State>,
    gauge: IntGauge,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Calls go through; so many have stalled since the last answer.
    Closed { stalls: u32 },
    /// Calls fail at once. The first one after that moment is tried.
    Open { until: Instant },
    /// One call is tried, the others fail at once.
    HalfOpen,
}

/// A call that goes through. It must say how it ends; dropped, its caller has left.
#[derive(Debug)]
pub(crate) struct Pass<'a> {
    breaker: &'a Breaker,
    /// It is the one that is tried.
    trial: bool,
}

impl Breaker {
    pub(crate) fn new(upstream: &'static str, gauge: IntGauge) -> Self {
        gauge.set(0);
        Self { upstream, state: Mutex::new(State::Closed { stalls: 0 }), gauge }
    }

    /// Lets a call through, or none while the upstream does not answer.
    pub(crate) fn admit(&self) -> Option<Pass<'_>> {
        let mut state = self.state();
        match *state {
            State::Closed { .. } => Some(Pass { breaker: self, trial: false }),
            State::Open { until } if until <= Instant::now() => {
                *state = State::HalfOpen;
                self.gauge.set(1);
                Some(Pass { breaker: self, trial: true })
            }
            State::Open { .. } | State::HalfOpen => None,
        }
    }

    fn open(&self, state: &mut State) {
        *state = State::Open { until: Instant::now() + PAUSE };
        self.gauge.set(2);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// It is made to see whether the upstream answers again.
    pub(crate) fn is_trial(&self) -> bool {
        self.trial
    }

    /// The call has been without an answer for too long.
    pub(crate) fn stalled(&mut self) {
        let breaker = self.breaker;
        let mut state = breaker.state();
        match *state {
            State::Closed { stalls } if stalls + 1 < STALLS => *state = State::Closed { stalls: stalls + 1 },
            State::Closed { .. } => {
                breaker.open(&mut state);
                let upstream = breaker.upstream;
                warn!(upstream, "it does not answer; calls of it fail at once until it does");
            }
            State::HalfOpen if self.trial => breaker.open(&mut state),
            State::Open { .. } | State::HalfOpen => {}
        }
        // Another one is tried next.
        self.trial = false;
    }

    /// The upstream answered, whatever it said.
    pub(crate) fn answered(mut self) {
        self.trial = false;
        let breaker = self.breaker;
        let mut state = breaker.state();
        if !matches!(*state, State::Closed { .. }) {
            breaker.gauge.set(0);
            info!(upstream = breaker.upstream, "it answers again");
        }
        *state = State::Closed { stalls: 0 };
    }

    /// The upstream cannot be reached, or gave up itself: no sign of life, and no stall.
    pub(crate) fn failed(mut self) {
        if std::mem::take(&mut self.trial) {
            let mut state = self.breaker.state();
            // Another call may have been answered meanwhile.
            if *state == State::HalfOpen {
                self.breaker.open(&mut state);
            }
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.breaker.state();
        // Nothing was learned: the next call is tried.
        if self.trial && *state == State::HalfOpen {
            *state = State::Open { until: Instant::now() };
            self.breaker.gauge.set(2);
        }
    }
}
