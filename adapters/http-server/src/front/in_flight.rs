use std::sync::Arc;

use prometheus::IntGauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::refusal::Refusal;

/// The permits of requests that are being answered.
#[derive(Clone)]
pub(super) struct InFlightPermits {
    free: Arc<Semaphore>,
    gauge: IntGauge,
}

impl InFlightPermits {
    pub(super) fn new(most: usize, gauge: IntGauge) -> Self {
        Self { free: Arc::new(Semaphore::new(most)), gauge }
    }

    /// Takes a permit, until it is dropped.
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

/// A request's permit to be in flight.
pub(super) struct InFlight {
    _permit: OwnedSemaphorePermit,
    gauge: IntGauge,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}
