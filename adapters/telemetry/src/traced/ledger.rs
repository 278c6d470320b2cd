use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keeper_domain::{Order, OrderId, Page, RecordedOrder, Slice, Timestamp, UserId};
use keeper_ports::PortResult;
use keeper_ports::billing::OrderLedger;

use super::TracedDatabase;
use super::database::Operation;

const INSERT: Operation = Operation::new("INSERT", "orders", "INSERT orders");
const SELECT: Operation = Operation::new("SELECT", "orders", "SELECT orders");
const CONFLICTS: Operation = Operation::new("INSERT", "conflicts", "INSERT conflicts");

/// A ledger whose calls are spans.
pub struct TracedLedger {
    database: TracedDatabase,
    ledger: Arc<dyn OrderLedger>,
}

impl TracedLedger {
    /// Decorates a ledger that keeps its orders in a database.
    pub fn new(database: TracedDatabase, ledger: Arc<dyn OrderLedger>) -> Self {
        Self { database, ledger }
    }
}

#[async_trait]
impl OrderLedger for TracedLedger {
    async fn insert(&self, batch: Vec<Order>, now: Timestamp) -> PortResult<HashSet<OrderId>> {
        self.database.call(&INSERT, Some(batch.len()), self.ledger.insert(batch, now)).await
    }

    async fn find_many(&self, ids: Vec<OrderId>) -> PortResult<Vec<RecordedOrder>> {
        self.database.call(&SELECT, Some(ids.len()), self.ledger.find_many(ids)).await
    }

    async fn contradicted(&self, orders: Vec<Order>, now: Timestamp) -> PortResult<Vec<Order>> {
        let count = orders.len();
        self.database.call(&CONFLICTS, Some(count), self.ledger.contradicted(orders, now)).await
    }

    async fn find(&self, id: OrderId) -> PortResult<Option<RecordedOrder>> {
        self.database.call(&SELECT, None, self.ledger.find(id)).await
    }

    async fn wait_for(&self, id: OrderId, wait: Duration) -> PortResult<Option<RecordedOrder>> {
        self.database.call(&SELECT, None, self.ledger.wait_for(id, wait)).await
    }

    async fn list(&self, user: UserId, page: Page<OrderId>) -> PortResult<Slice<RecordedOrder>> {
        self.database.call(&SELECT, None, self.ledger.list(user, page)).await
    }
}
