use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use async_trait::async_trait;
use keeper_domain::{Order, OrderId, Recording};
use keeper_ports::billing::{OrderHandler, OrderLedger};
use keeper_ports::{Clock, PortError, PortResult};

/// Records orders, and keeps a batch from failing for one order's sake.
pub struct Processor {
    ledger: Arc<dyn OrderLedger>,
    clock: Arc<dyn Clock>,
}

impl Processor {
    /// Assembles the use case.
    pub fn new(ledger: Arc<dyn OrderLedger>, clock: Arc<dyn Clock>) -> Self {
        Self { ledger, clock }
    }

    /// Records a batch in one transaction, or nothing of it. An order whose id is known repeats what is recorded under
    /// it, or contradicts it: [`Order::repeats`] says which, whatever the ledger is.
    async fn record(&self, batch: &[Order]) -> PortResult<Vec<Recording>> {
        let inserted = self.ledger.insert(batch.to_vec(), self.clock.now()).await?;
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

#[async_trait]
impl OrderHandler for Processor {
    async fn handle(&self, batch: Vec<Order>) -> PortResult<Vec<Recording>> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let mut outcomes = Vec::with_capacity(batch.len());
        // Parts that are still to be recorded, the next one last. A part that the ledger refuses is halved until the
        // order at fault stands alone: the others cost a logarithm, not a transaction each.
        let mut parts = vec![batch];
        while let Some(mut part) = parts.pop() {
            match self.record(&part).await {
                Ok(part_outcomes) => outcomes.extend(part_outcomes),
                Err(PortError::Failed { .. }) if part.len() > 1 => {
                    let second = part.split_off(part.len() / 2);
                    parts.extend([second, part]);
                }
                Err(error @ PortError::Failed { .. }) => outcomes.push(Recording::Rejected(error.chain())),
                Err(transient) => return Err(transient),
            }
        }
        Ok(outcomes)
    }
}

#[cfg(test)]
#[path = "processor_tests.rs"]
mod tests;
