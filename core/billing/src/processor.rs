use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use async_trait::async_trait;
use keeper_domain::{Order, OrderId, Recording};
use keeper_ports::billing::{OrderHandler, OrderLedger};
use keeper_ports::{Clock, PortError, PortResult};

use crate::Isolation;

/// Records orders, and keeps a batch from failing for one order's sake.
pub struct Processor {
    isolation: Isolation,
}

impl Processor {
    /// Assembles the use case.
    pub fn new(ledger: Arc<dyn OrderLedger>, clock: Arc<dyn Clock>) -> Self {
        Self { isolation: Isolation::new(Arc::new(Recorder { ledger, clock })) }
    }
}

#[async_trait]
impl OrderHandler for Processor {
    async fn handle(&self, batch: Vec<Order>) -> PortResult<Vec<Recording>> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        self.isolation.handle(batch).await
    }
}

/// Records a batch as a whole, or nothing of it.
struct Recorder {
    ledger: Arc<dyn OrderLedger>,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl OrderHandler for Recorder {
    /// An order whose id is known repeats what is recorded under it, or contradicts it: [`Order::repeats`] says which,
    /// whatever the ledger is.
    async fn handle(&self, batch: Vec<Order>) -> PortResult<Vec<Recording>> {
        let inserted = self.ledger.insert(batch.clone(), self.clock.now()).await?;
        let known: Vec<OrderId> =
            batch.iter().map(|order| order.id).filter(|id| !inserted.contains(id)).collect();
        let known = if known.is_empty() { Vec::new() } else { self.ledger.find_many(known).await? };
        let mut recorded: HashMap<OrderId, &Order> =
            known.iter().map(|known| (known.order.id, &known.order)).collect();
        let outcomes = batch.iter().map(|order| match recorded.entry(order.id) {
            Entry::Occupied(first) if order.repeats(first.get()) => Ok(Recording::AlreadyRecorded),
            Entry::Occupied(_) => Ok(Recording::Conflict),
            Entry::Vacant(first) if inserted.contains(&order.id) => {
                first.insert(order);
                Ok(Recording::Recorded)
            }
            // Neither inserted nor found: somebody deleted it in between.
            Entry::Vacant(_) => Err(PortError::unavailable("order ledger", "an order vanished")),
        });
        outcomes.collect()
    }
}

#[cfg(test)]
#[path = "processor_tests.rs"]
mod tests;
