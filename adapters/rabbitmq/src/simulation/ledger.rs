use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use keeper_domain::{Order, OrderId, Page, RecordedOrder, Slice, Timestamp, UserId};
use keeper_ports::billing::OrderLedger;
use keeper_ports::{PortError, PortResult};
use tokio::sync::watch;
use tokio::time::sleep;

use super::broker::SimulatedBroker;

/// So many items make an order that the ledger refuses, and so many one that panics.
pub(super) const REFUSED: u32 = 666;
pub(super) const PANICS: u32 = 667;

const LEDGER: &str = "simulated ledger";

/// A ledger that fails in every way that its port allows.
pub(super) struct SimulatedLedger {
    rows: Mutex<BTreeMap<OrderId, RecordedOrder>>,
    conflicts: Mutex<BTreeMap<OrderId, Order>>,
    broker: Arc<SimulatedBroker>,
    pub(super) down: watch::Sender<bool>,
}

impl SimulatedLedger {
    pub(super) fn new(broker: &Arc<SimulatedBroker>) -> Arc<Self> {
        let (rows, down) = (Mutex::default(), watch::Sender::new(false));
        Arc::new(Self { rows, conflicts: Mutex::default(), broker: Arc::clone(broker), down })
    }

    pub(super) fn rows(&self) -> Vec<Order> {
        self.rows.lock().unwrap().values().map(|row| row.order.clone()).collect()
    }

    /// What any call may meet before it does anything.
    async fn reach(&self) -> PortResult<()> {
        let pause = if self.broker.fault(5) { 3_000 } else { 8 };
        sleep(self.broker.random.millis(pause)).await;
        if *self.down.borrow() || self.broker.fault(3) {
            return Err(PortError::unavailable(LEDGER, "simulated"));
        }
        if self.broker.fault(3) {
            return Err(PortError::timed_out(LEDGER, "simulated, nothing done"));
        }
        Ok(())
    }
}

/// Panics without a message on standard error.
fn panic_quietly() -> ! {
    resume_unwind(Box::new("simulated"))
}

#[async_trait]
impl OrderLedger for SimulatedLedger {
    async fn insert(&self, batch: Vec<Order>, now: Timestamp) -> PortResult<HashSet<OrderId>> {
        self.reach().await?;
        let has = |items| batch.iter().any(|order| order.draft.items.get() == items);
        if has(PANICS) || (batch.len() > 1 && self.broker.fault(2)) {
            panic_quietly();
        }
        if has(REFUSED) {
            return Err(PortError::failed(LEDGER, "simulated"));
        }
        let mut inserted = HashSet::new();
        {
            let mut rows = self.rows.lock().unwrap();
            for order in batch {
                let id = order.id;
                if let Entry::Vacant(row) = rows.entry(id) {
                    self.broker.note("recorded", &id.to_string());
                    inserted.insert(id);
                    row.insert(RecordedOrder { order, recorded_at: now });
                }
            }
        }
        sleep(self.broker.latency()).await;
        if self.broker.fault(4) {
            return Err(PortError::timed_out(LEDGER, "simulated, all done"));
        }
        Ok(inserted)
    }

    async fn find_many(&self, ids: Vec<OrderId>) -> PortResult<Vec<RecordedOrder>> {
        self.reach().await?;
        let rows = self.rows.lock().unwrap();
        Ok(ids.iter().filter_map(|id| rows.get(id).cloned()).collect())
    }

    async fn contradicted(&self, orders: Vec<Order>, _now: Timestamp) -> PortResult<Vec<Order>> {
        self.reach().await?;
        let first: BTreeMap<_, _> = {
            let mut conflicts = self.conflicts.lock().unwrap();
            let first = orders.into_iter().map(|order| conflicts.entry(order.id).or_insert(order).clone());
            first.map(|order| (order.id, order)).collect()
        };
        if self.broker.fault(4) {
            return Err(PortError::timed_out(LEDGER, "simulated, all done"));
        }
        Ok(first.into_values().collect())
    }

    async fn find(&self, _id: OrderId) -> PortResult<Option<RecordedOrder>> {
        Err(PortError::failed(LEDGER, "not asked"))
    }

    async fn wait_for(&self, _id: OrderId, _wait: Duration) -> PortResult<Option<RecordedOrder>> {
        Err(PortError::failed(LEDGER, "not asked"))
    }

    async fn list(&self, _user: UserId, _page: Page<OrderId>) -> PortResult<Slice<RecordedOrder>> {
        Err(PortError::failed(LEDGER, "not asked"))
    }
}
