//! How the consuming side of a queue has its orders handled, whatever the queue is.

use std::sync::Arc;
use std::time::Duration;

use keeper_domain::{DeadLetterReason, Order, Recording};
use keeper_ports::PortError;
use keeper_ports::billing::OrderHandler;
use tracing::{info, warn};

/// The pauses between attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How often an order may panic, by itself, before it goes to the dead letters.
const MAX_PANICS: u32 = 3;

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handled {
    /// The handler answered for it.
    Settled(Recording),
    /// It panics whenever it is handled.
    Panicked,
}

impl Handled {
    /// Why the order's message goes to the dead letters, if it does.
    pub fn refusal(&self) -> Option<(DeadLetterReason, String)> {
        match self {
            Self::Settled(Recording::Recorded | Recording::AlreadyRecorded) => None,
            Self::Settled(Recording::Conflict) => {
                let detail = "an order with this id is recorded already, with other content";
                Some((DeadLetterReason::Conflict, detail.to_owned()))
            }
            Self::Settled(Recording::Rejected(detail)) => Some((DeadLetterReason::Rejected, detail.clone())),
            Self::Panicked => Some((DeadLetterReason::Undeliverable, "processing it panics".to_owned())),
        }
    }
}

/// Attempts to have batches of orders handled. An order that panics does not take its neighbours with it.
pub struct Handling {
    handler: Arc<dyn OrderHandler>,
    pause: Duration,
    logged: bool,
}

impl Handling {
    /// Nothing has failed yet.
    pub fn new(handler: Arc<dyn OrderHandler>) -> Self {
        Self { handler, pause: FIRST_PAUSE, logged: false }
    }

    /// Has a batch handled; the outcomes are in the order of the orders.
    ///
    /// # Errors
    /// Nothing is known of any of them: the error is how long to wait before the next attempt, 100 ms to 5 s.
    pub async fn attempt(&mut self, orders: &[Order]) -> Result<Vec<Handled>, Duration> {
        match self.call(orders.to_vec()).await {
            Some(Ok(outcomes)) if outcomes.len() == orders.len() => {
                Ok(outcomes.into_iter().map(Handled::Settled).collect())
            }
            Some(Ok(outcomes)) => {
                let error = format!("{} outcomes for {} orders", outcomes.len(), orders.len());
                Err(self.failed(&PortError::failed("order processing", error)))
            }
            Some(Err(error)) => Err(self.failed(&error)),
            None => self.one_by_one(orders).await,
        }
    }

    /// Finds the order that panics, so that it does not take its neighbours with it for ever.
    async fn one_by_one(&mut self, orders: &[Order]) -> Result<Vec<Handled>, Duration> {
        let mut handled = Vec::with_capacity(orders.len());
        for order in orders {
            let mut outcome = Handled::Panicked;
            for _ in 0..MAX_PANICS {
                match self.call(vec![order.clone()]).await {
                    Some(Ok(outcomes)) => {
                        let Ok([recording]) = <[Recording; 1]>::try_from(outcomes) else {
                            let error = PortError::failed("order processing", "more outcomes than orders");
                            return Err(self.failed(&error));
                        };
                        outcome = Handled::Settled(recording);
                        break;
                    }
                    Some(Err(error)) => return Err(self.failed(&error)),
                    None => {}
                }
            }
            handled.push(outcome);
        }
        Ok(handled)
    }

    /// Calls the handler in a task of its own; `None` when it panicked.
    async fn call(&self, orders: Vec<Order>) -> Option<Result<Vec<Recording>, PortError>> {
        let handler = Arc::clone(&self.handler);
        tokio::spawn(async move { handler.handle(orders).await }).await.ok()
    }

    /// Ends a row of failures. It is for the caller to say, when what was handled is also settled where it came from.
    pub fn succeeded(&mut self) {
        self.pause = FIRST_PAUSE;
        if std::mem::take(&mut self.logged) {
            info!("orders are processed again");
        }
    }

    /// Logs the first failure of a row, and says how long to wait before the next attempt. It is for what fails beside
    /// the handler, too.
    pub fn failed(&mut self, error: &PortError) -> Duration {
        if !self.logged {
            warn!(error = error.chain(), "orders cannot be processed; trying again");
            self.logged = true;
        }
        let pause = self.pause;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        pause
    }
}

#[cfg(test)]
#[path = "handling_tests.rs"]
mod tests;
