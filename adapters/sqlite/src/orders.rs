use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keeper_batching::OrderWaits;
use keeper_domain::{
    ItemCount, Money, Order, OrderDraft, OrderId, Page, RecordedOrder, Slice, Timestamp, UserId,
};
use keeper_ports::billing::OrderLedger;
use keeper_ports::{PortError, PortResult};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use crate::SqliteDatabase;
use crate::database::RowError;
use crate::writer::Write;

/// The ledger on SQLite.
#[derive(Debug, Clone)]
pub struct SqliteOrders {
    database: SqliteDatabase,
    waits: OrderWaits,
}

impl SqliteOrders {
    /// Makes the ledger over [`crate::Directory::billing`].
    pub fn new(database: SqliteDatabase) -> Self {
        Self { database, waits: OrderWaits::default() }
    }

    fn recorded(&self, row: &SqliteRow) -> PortResult<RecordedOrder> {
        recorded(row).map_err(|cause| self.database.broken(cause))
    }

    /// Finds the rows after the page's order, or after a `seq`, at most one more than the limit.
    async fn rows(
        &self,
        user: &UserId,
        page: Page<OrderId>,
        after: Option<i64>,
    ) -> PortResult<Vec<SqliteRow>> {
        let spellings = user.spellings();
        let mut found = Vec::new();
        // Each spelling's orders come from the index in their order.
        for spelling in &spellings {
            // Without an order to start after, every seq is asked for; an unknown one gives NULL and no row.
            let statement = sqlx::query(
                "SELECT order_id, user_id, number_of_items, total_minor, created_at, recorded_at, seq FROM orders
                 WHERE user_id = ?1 AND seq > CASE WHEN ?4 IS NOT NULL THEN ?4 WHEN ?2 IS NULL THEN 0
                     ELSE (SELECT seq FROM orders WHERE order_id = ?2
                         AND user_id IN (?1, ?5, ?6, ?7)) END
                 ORDER BY seq LIMIT ?3",
            )
            .bind(spelling)
            .bind(page.after.map(|id| id.to_string()))
            .bind(page.limit.get() + 1)
            .bind(after)
            .bind(spellings.first())
            .bind(spellings.get(1))
            .bind(spellings.get(2));
            found.extend(self.database.rows(statement).await?);
        }
        found.sort_by_key(|row| row.try_get::<i64, _>(6).unwrap_or_default());
        found.truncate(usize::from(page.limit.get()) + 1);
        Ok(found)
    }

    /// The orders of a statement's rows.
    fn all_recorded(&self, rows: &[SqliteRow]) -> PortResult<Vec<RecordedOrder>> {
        rows.iter().map(|row| self.recorded(row)).collect()
    }
}

#[async_trait]
impl OrderLedger for SqliteOrders {
    async fn insert(&self, batch: Vec<Order>, now: Timestamp) -> PortResult<HashSet<OrderId>> {
        if batch.is_empty() {
            return Ok(HashSet::new());
        }
        let batch = Arc::new(batch);
        let inserted = self.database.write(Insert { batch: Arc::clone(&batch), now }).await?;
        let new = batch.iter().filter(|order| inserted.contains(&order.id));
        self.waits.tell(new.map(|order| RecordedOrder { order: order.clone(), recorded_at: now }));
        Ok(inserted)
    }

    async fn find_many(&self, ids: Vec<OrderId>) -> PortResult<Vec<RecordedOrder>> {
        let ids: Vec<_> = ids.iter().map(|id| format!("\"{id}\"")).collect();
        let statement = sqlx::query(
            "SELECT order_id, user_id, number_of_items, total_minor, created_at, recorded_at
             FROM orders WHERE order_id IN (SELECT value FROM json_each(?1))",
        )
        .bind(format!("[{}]", ids.join(",")));
        self.all_recorded(&self.database.rows(statement).await?)
    }

    async fn contradicted(&self, orders: Vec<Order>, now: Timestamp) -> PortResult<Vec<Order>> {
        let ids: HashSet<OrderId> = orders.iter().map(|order| order.id).collect();
        self.database.write(Contradict { orders, now }).await?;
        let ids: Vec<_> = ids.iter().map(|id| format!("\"{id}\"")).collect();
        let statement = sqlx::query(
            "SELECT order_id, user_id, number_of_items, total_minor, created_at, first_seen
             FROM conflicts WHERE order_id IN (SELECT value FROM json_each(?1))",
        )
        .bind(format!("[{}]", ids.join(",")));
        let first = self.all_recorded(&self.database.rows(statement).await?)?;
        Ok(first.into_iter().map(|first| first.order).collect())
    }

    async fn find(&self, id: OrderId) -> PortResult<Option<RecordedOrder>> {
        let statement = sqlx::query(
            "SELECT order_id, user_id, number_of_items, total_minor, created_at, recorded_at
             FROM orders WHERE order_id = ?1",
        )
        .bind(id.to_string());
        self.database.row(statement).await?.map(|row| self.recorded(&row)).transpose()
    }

    /// Whatever records orders in this file is this process, and tells.
    async fn wait_for(&self, id: OrderId, wait: Duration) -> PortResult<Option<RecordedOrder>> {
        self.waits.wait_for(self, id, wait).await
    }

    /// A row that breaks a rule is left out, so that it does not take the others with it.
    async fn list(&self, user: UserId, page: Page<OrderId>) -> PortResult<Slice<RecordedOrder>> {
        let limit = usize::from(page.limit.get());
        let (mut items, mut after) = (Vec::new(), None);
        loop {
            let rows = self.rows(&user, page, after).await?;
            items.extend(rows.iter().filter_map(|row| {
                let left_out = |broken: &PortError| {
                    tracing::error!(cause = broken.chain(), "an order is left out of a list");
                };
                self.recorded(row).inspect_err(left_out).ok()
            }));
            match rows.last() {
                Some(last) if items.len() <= limit && rows.len() > limit => {
                    after = Some(last.try_get(6).map_err(|error| self.database.broken(error.into()))?);
                }
                _ => return Ok(Slice::of_one_more(items, page.limit)),
            }
        }
    }
}

/// Inserts those orders whose id is not there.
struct Insert {
    batch: Arc<Vec<Order>>,
    now: Timestamp,
}

#[async_trait]
impl Write for Insert {
    type Output = HashSet<OrderId>;

    async fn apply(&self, connection: &mut SqliteConnection) -> sqlx::Result<HashSet<OrderId>> {
        let mut inserted = HashSet::with_capacity(self.batch.len());
        for order in self.batch.iter() {
            if insert(connection, order, self.now).await? {
                inserted.insert(order.id);
            }
        }
        Ok(inserted)
    }
}

/// Keeps the first order that contradicts a recorded one, and counts the others.
struct Contradict {
    orders: Vec<Order>,
    now: Timestamp,
}

#[async_trait]
impl Write for Contradict {
    type Output = ();

    async fn apply(&self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
        for order in &self.orders {
            sqlx::query(
                "INSERT INTO conflicts
                     (order_id, user_id, number_of_items, total_minor, created_at, first_seen, times)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1) ON CONFLICT (order_id) DO UPDATE SET times = times + 1",
            )
            .bind(order.id.to_string())
            .bind(order.draft.user.as_str())
            .bind(order.draft.items.get())
            .bind(order.draft.total.as_minor())
            .bind(order.created_at.as_millis())
            .bind(self.now.as_millis())
            .execute(&mut *connection)
            .await?;
        }
        Ok(())
    }
}

/// Inserts the order unless its id is known; says whether it did.
async fn insert(connection: &mut SqliteConnection, order: &Order, now: Timestamp) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "INSERT INTO orders (order_id, user_id, number_of_items, total_minor, created_at, recorded_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (order_id) DO NOTHING",
    )
    .bind(order.id.to_string())
    .bind(order.draft.user.as_str())
    .bind(order.draft.items.get())
    .bind(order.draft.total.as_minor())
    .bind(order.created_at.as_millis())
    .bind(now.as_millis())
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Reads a row; what breaks a rule of the domain was not written by this program, and names the row.
fn recorded(row: &SqliteRow) -> Result<RecordedOrder, RowError> {
    let id: &str = row.try_get(0)?;
    read(id, row).map_err(|cause| format!("the row of order {id} is broken: {cause}").into())
}

fn read(id: &str, row: &SqliteRow) -> Result<RecordedOrder, RowError> {
    let draft = OrderDraft {
        user: UserId::from_store(row.try_get(1)?)?,
        items: ItemCount::from_store(row.try_get(2)?),
        total: Money::from_store("total_amount", row.try_get(3)?)?,
    };
    let id = OrderId::parse("order_id", id)?;
    let order = Order { id, draft, created_at: Timestamp::from_millis(row.try_get(4)?)? };
    Ok(RecordedOrder { order, recorded_at: Timestamp::from_millis(row.try_get(5)?)? })
}
