use std::sync::Arc;
use std::time::Duration;

use keeper_domain::{Order, Recording};
use keeper_ports::billing::OrderHandler;
use keeper_ports::{Backoff, PortError};
use tracing::{info, warn};

/// Attempts to have batches of orders handled, with pauses between those that fail.
pub(crate) struct Attempts {
    handler: Arc<dyn OrderHandler>,
    backoff: Backoff,
}

impl Attempts {
    pub(crate) fn new(handler: Arc<dyn OrderHandler>) -> Self {
        Self { handler, backoff: Backoff::of_handling() }
    }

    /// Has a batch handled; the outcomes are in the order of the orders. The error is how long to wait before the next
    /// attempt.
    pub(crate) async fn attempt(&mut self, orders: &[Order]) -> Result<Vec<Recording>, Duration> {
        match self.handler.handle(orders.to_vec()).await {
            Ok(outcomes) => {
                self.succeeded();
                Ok(outcomes)
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn succeeded(&mut self) {
        if self.backoff.is_failing() {
            info!("orders are processed again");
        }
        self.backoff.succeeded();
    }

    /// Logs the first failure of a row.
    fn failed(&mut self, error: &PortError) -> Duration {
        if !self.backoff.is_failing() {
            warn!(error = error.chain(), "orders cannot be processed; trying again");
        }
        self.backoff.failed()
    }
}
