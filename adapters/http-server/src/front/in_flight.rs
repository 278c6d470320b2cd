use std::sync::Arc;

use prometheus::IntGauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::refusal::Refusal;

/// The places of requests that are being answered.
#[derive(Clone)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    gauge: IntGauge,
}

impl Places {
    pub(super) fn new(most: usize, gauge: IntGauge) -> Self {
        Self { free: Arc::new(Semaphore::new(most)), gauge }
    }

    /// Takes a place, until it is dropped.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn take(&self) -> Result<InFlight, Refusal> {
        let permit = Arc::clone(&self.free).try_acquire_owned().or(Err(Refusal::Overloaded))?;
        let gauge = self.gauge.clone();
        gauge.inc();
        Ok(InFlight { _permit: permit, gauge })
    }
}

/// A request's place among those in flight.
pub(super) struct InFlight {
    _permit: OwnedSemaphorePermit,
    gauge: IntGauge,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}
