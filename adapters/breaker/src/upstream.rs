use std::pin::pin;
use std::time::Duration;

use keeper_ports::{PortError, PortResult};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::BreakerMetrics;
use crate::breaker::{Breaker, PATIENCE};

/// Another process that is called, with its breaker and its bulkhead.
#[derive(Debug)]
pub struct Upstream {
    name: &'static str,
    breaker: Breaker,
    places: Semaphore,
}

impl Upstream {
    /// Bounds the calls of an upstream, whose name is for operators: at most so many are under way at once.
    pub fn new(name: &'static str, max_calls: usize, metrics: &BreakerMetrics) -> Self {
        let max_calls = max_calls.clamp(1, Semaphore::MAX_PERMITS);
        Self { name, breaker: Breaker::new(name, metrics.of(name)), places: Semaphore::new(max_calls) }
    }

    /// Makes a call.
    ///
    /// # Errors
    /// Those of the call; and `Unavailable`, when it was not made: the upstream does not answer, or too many calls of it are
    /// under way.
    pub async fn call<T>(&self, call: impl Future<Output = PortResult<T>>) -> PortResult<T> {
        self.call_for(Duration::ZERO, call).await
    }

    /// Makes a call whose answer may take so long because the caller wants to wait.
    pub(crate) async fn call_for<T>(
        &self,
        wait: Duration,
        call: impl Future<Output = PortResult<T>>,
    ) -> PortResult<T> {
        let refused = |why: &str| PortError::unavailable(self.name, why);
        let _place = self.places.try_acquire().map_err(|_| refused("too many calls are under way"))?;
        let Some(pass) = self.breaker.admit() else {
            return Err(refused("it did not answer, and is tried again soon"));
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
}

#[cfg(test)]
#[path = "upstream_tests.rs"]
mod tests;
