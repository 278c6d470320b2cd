use std::sync::Arc;

use async_trait::async_trait;
use keeper_domain::{Order, Recording};
use keeper_ports::billing::OrderHandler;
use keeper_ports::{PortError, PortResult};

use crate::panics::catch_panic;

/// How often an order may panic, handled by itself, before it is given up.
const MAX_ATTEMPTS: u32 = 3;

/// Keeps a batch from failing for one order's sake, whatever handles it.
///
/// A part that is refused or panics is halved until the order at fault stands alone: the others cost a logarithm of
/// the batch, not a call each. Alone, an order that is refused is rejected at once, and one that panics is given up
/// after three attempts.
pub struct Isolation {
    handler: Arc<dyn OrderHandler>,
}

/// What came of handing over a part of a batch.
enum Attempt {
    /// The handler answered for each order.
    Settled(Vec<Recording>),
    /// The handler refuses the part, for this reason.
    Refused(String),
    /// The handler panicked.
    Panicked,
}

impl Isolation {
    /// Isolates bad orders from a handler that settles a batch as a whole.
    pub fn new(handler: Arc<dyn OrderHandler>) -> Self {
        Self { handler }
    }

    async fn attempt(&self, part: Vec<Order>) -> PortResult<Attempt> {
        let orders = part.len();
        match catch_panic(self.handler.handle(part)).await {
            Ok(Ok(outcomes)) if outcomes.len() == orders => Ok(Attempt::Settled(outcomes)),
            // Nobody knows which outcome is whose: it cannot be the fault of any order.
            Ok(Ok(outcomes)) => {
                let cause = format!("{} outcomes for {orders} orders", outcomes.len());
                Err(PortError::unavailable("order processing", cause))
            }
            Ok(Err(refusal @ PortError::Failed { .. })) => Ok(Attempt::Refused(refusal.chain())),
            Ok(Err(transient)) => Err(transient),
            Err(_) => Ok(Attempt::Panicked),
        }
    }

    /// Handles an order by itself.
    async fn alone(&self, order: &Order) -> PortResult<Vec<Recording>> {
        for _ in 0..MAX_ATTEMPTS {
            match self.attempt(vec![order.clone()]).await? {
                Attempt::Settled(outcome) => return Ok(outcome),
                Attempt::Refused(reason) => return Ok(vec![Recording::Rejected(reason)]),
                Attempt::Panicked => {}
            }
        }
        Ok(vec![Recording::GivenUp("processing it panics".to_owned())])
    }
}

#[async_trait]
impl OrderHandler for Isolation {
    async fn handle(&self, batch: Vec<Order>) -> PortResult<Vec<Recording>> {
        let mut outcomes = Vec::with_capacity(batch.len());
        // Parts that are still to be handled, the next one last.
        let mut parts = vec![batch];
        while let Some(mut part) = parts.pop() {
            if let [order] = &part[..] {
                outcomes.extend(self.alone(order).await?);
                continue;
            }
            if let Attempt::Settled(of_part) = self.attempt(part.clone()).await? {
                outcomes.extend(of_part);
                continue;
            }
            let second = part.split_off(part.len() / 2);
            parts.extend([second, part]);
        }
        Ok(outcomes)
    }
}

#[cfg(test)]
#[path = "isolation_tests.rs"]
mod tests;
