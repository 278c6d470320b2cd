use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use keeper_domain::{Order, OrderId, Recording, Timestamp};
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
        let now = self.clock.now();
        let inserted = self.ledger.insert(batch.clone(), now).await?;
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
        let outcomes = outcomes.collect::<PortResult<Vec<_>>>()?;
        self.keep_first_conflicts(&batch, outcomes, now).await
    }
}

impl Recorder {
    /// Of the orders that contradict a recorded one, only the first is kept, however many come: who uses a key again and again
    /// fills no queue. If the first one is delivered again, it is treated as the first, not as a further one.
    async fn keep_first_conflicts(
        &self,
        batch: &[Order],
        mut outcomes: Vec<Recording>,
        now: Timestamp,
    ) -> PortResult<Vec<Recording>> {
        let conflicts = batch.iter().zip(&outcomes).filter(|(_, outcome)| **outcome == Recording::Conflict);
        let conflicts: Vec<Order> = conflicts.map(|(order, _)| order.clone()).collect();
        if conflicts.is_empty() {
            return Ok(outcomes);
        }
        let first = self.ledger.contradicted(conflicts, now).await?;
        let mut first: HashMap<OrderId, Order> = first.into_iter().map(|order| (order.id, order)).collect();
        let mut kept = HashSet::new();
        for (order, outcome) in batch.iter().zip(&mut outcomes) {
            if *outcome != Recording::Conflict {
                continue;
            }
            let is_first = order.repeats(first.entry(order.id).or_insert_with(|| order.clone()));
            if !is_first || !kept.insert(order.id) {
                *outcome = Recording::FurtherConflict;
            }
        }
        Ok(outcomes)
    }
}

#[cfg(test)]
#[path = "processor_tests.rs"]
mod tests;
