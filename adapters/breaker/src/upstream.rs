use std::time::Duration;

use keeper_ports::PortResult;

use crate::{Breaker, BreakerMetrics, Bulkhead};

/// Another process that is called, with its breaker and its bulkhead.
#[derive(Debug)]
pub struct Upstream {
    bulkhead: Bulkhead,
    breaker: Breaker,
}

impl Upstream {
    /// Bounds the calls of an upstream, whose name is for operators: at most so many are under way at once.
    pub fn new(name: &'static str, max_calls: usize, metrics: &BreakerMetrics) -> Self {
        Self { bulkhead: Bulkhead::new(name, max_calls), breaker: Breaker::new(name, metrics) }
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
        self.bulkhead.call(self.breaker.call_for(wait, call)).await
    }
}

#[cfg(test)]
#[path = "upstream_tests.rs"]
mod tests;
