use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keeper_ports::{PortError, PortResult};
use prometheus::IntGauge;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use crate::BreakerMetrics;

/// How long a call may take before it counts as stalled. Far above what a call takes that goes well, and far below what a
/// client waits for.
const PATIENCE: Duration = Duration::from_secs(1);

/// So many calls in a row must stall, with no answer between them, before the breaker opens. One alone may be a slow search.
const STALLS: u32 = 5;

/// How long calls fail at once before one is tried: at first, and at most after trials that came to nothing.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// Decides which calls of an upstream go through. Each is to be one trip: calls that share one stall together, and would look
/// like an upstream that does not answer where one replica of it does not.
#[derive(Debug)]
pub struct Breaker {
    upstream: &'static str,
    state: Mutex<State>,
    gauge: IntGauge,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Calls go through; so many have stalled since the last answer.
    Closed { stalls: u32 },
    /// Calls fail at once. The first one after that moment is tried; if that comes to nothing, `pause` is the next one.
    Open { until: Instant, pause: Duration },
    /// One call is tried, the others fail at once.
    HalfOpen { pause: Duration },
}

/// A call that goes through. It must say how it ends; dropped, its caller has left.
#[derive(Debug)]
struct Pass<'a> {
    breaker: &'a Breaker,
    /// It is the one that is tried.
    trial: bool,
}

impl Breaker {
    /// Watches an upstream, whose name is for operators.
    pub fn new(upstream: &'static str, metrics: &BreakerMetrics) -> Self {
        let gauge = metrics.of(upstream);
        gauge.set(0);
        Self { upstream, state: Mutex::new(State::Closed { stalls: 0 }), gauge }
    }

    /// Makes a call whose answer may take so long because the caller wants to wait.
    ///
    /// # Errors
    /// Those of the call; and `Unavailable`, when it was not made: the upstream does not answer.
    pub(crate) async fn call_for<T>(
        &self,
        wait: Duration,
        call: impl Future<Output = PortResult<T>>,
    ) -> PortResult<T> {
        let Some(pass) = self.admit() else {
            return Err(PortError::unavailable(self.upstream, "it did not answer, and is tried again soon"));
        };
        let mut call = pin!(call);
        let result = if let Ok(result) = timeout(wait + PATIENCE, &mut call).await {
            result
        } else {
            pass.stalled();
            call.await
        };
        match &result {
            Ok(_) | Err(PortError::Failed { .. }) => pass.answered(),
            Err(PortError::Unavailable { .. } | PortError::TimedOut { .. }) => pass.failed(),
        }
        result
    }

    /// Lets a call through, or none while the upstream does not answer.
    fn admit(&self) -> Option<Pass<'_>> {
        let mut state = self.state();
        match *state {
            State::Closed { .. } => Some(Pass { breaker: self, trial: false }),
            State::Open { until, pause } if until <= Instant::now() => {
                *state = State::HalfOpen { pause };
                self.gauge.set(1);
                Some(Pass { breaker: self, trial: true })
            }
            State::Open { .. } | State::HalfOpen { .. } => None,
        }
    }

    fn open(&self, state: &mut State, pause: Duration) {
        *state = State::Open { until: Instant::now() + pause, pause: (pause * 2).min(LONGEST_PAUSE) };
        self.gauge.set(2);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// The call has been without an answer for too long. One that is tried goes on: its answer is worth waiting for.
    fn stalled(&self) {
        let breaker = self.breaker;
        let mut state = breaker.state();
        let State::Closed { stalls } = *state else { return };
        if stalls + 1 < STALLS {
            *state = State::Closed { stalls: stalls + 1 };
        } else {
            breaker.open(&mut state, FIRST_PAUSE);
            let upstream = breaker.upstream;
            warn!(upstream, "it does not answer; calls of it fail at once until it does");
        }
    }

    /// The upstream answered, whatever it said.
    fn answered(mut self) {
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
    fn failed(mut self) {
        if std::mem::take(&mut self.trial) {
            let mut state = self.breaker.state();
            // Another call may have been answered meanwhile.
            if let State::HalfOpen { pause } = *state {
                self.breaker.open(&mut state, pause);
            }
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if !self.trial {
            return;
        }
        let mut state = self.breaker.state();
        // Nothing was learned: the next call is tried.
        if let State::HalfOpen { pause } = *state {
            *state = State::Open { until: Instant::now(), pause };
            self.breaker.gauge.set(2);
        }
    }
}
