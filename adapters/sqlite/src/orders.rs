use async_trait::async_trait;
use keeper_domain::{
    ItemCount, Money, Order, OrderDraft, OrderId, Page, RecordedOrder, Recording, Slice, Timestamp, UserId,
};
use keeper_ports::PortResult;
use keeper_ports::billing::OrderLedger;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use crate::Database;
use crate::database::Broken;
use crate::writer::Write;

/// The ledger on SQLite.
#[derive(Debug, Clone)]
pub struct SqliteOrders {
    database: Database,
}

impl SqliteOrders {
    /// Makes the ledger over [`crate::Directory::billing`].
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    fn recorded(&self, row: &SqliteRow) -> PortResult<RecordedOrder> {
        recorded(row).map_err(|cause| self.database.broken(cause))
    }
}

#[async_trait]
impl OrderLedger for SqliteOrders {
    async fn record(&self, batch: Vec<Order>, now: Timestamp) -> PortResult<Vec<Recording>> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        self.database.write(Record { batch, now }).await
    }

    async fn find(&self, id: OrderId) -> PortResult<Option<RecordedOrder>> {
        let statement = sqlx::query(
            "SELECT order_id, user_id, number_of_items, total_minor, created_at, recorded_at
             FROM orders WHERE order_id = ?1",
        )
        .bind(id.to_string());
        self.database.row(statement).await?.map(|row| self.recorded(&row)).transpose()
    }

    async fn list(&self, user: UserId, page: Page<OrderId>) -> PortResult<Slice<RecordedOrder>> {
        // Without an order to start after, every seq is asked for; an unknown one gives NULL and no row.
        let statement = sqlx::query(
            "SELECT order_id, user_id, number_of_items, total_minor, created_at, recorded_at FROM orders
             WHERE user_id = ?1 AND seq > CASE WHEN ?2 IS NULL THEN 0
                 ELSE (SELECT seq FROM orders WHERE order_id = ?2 AND user_id = ?1) END
             ORDER BY seq LIMIT ?3",
        )
        .bind(user.as_str())
        .bind(page.after.map(|id| id.to_string()))
        .bind(page.limit.get() + 1);
        let rows = self.database.rows(statement).await?;
        let orders: PortResult<Vec<_>> = rows.iter().map(|row| self.recorded(row)).collect();
        Ok(Slice::of_one_more(orders?, page.limit))
    }
}

struct Record {
    batch: Vec<Order>,
    now: Timestamp,
}

#[async_trait]
impl Write for Record {
    type Output = Vec<Recording>;

    async fn apply(&self, connection: &mut SqliteConnection) -> sqlx::Result<Vec<Recording>> {
        let mut outcomes = Vec::with_capacity(self.batch.len());
        for order in &self.batch {
            let outcome = if insert(connection, order, self.now).await? {
                Recording::Recorded
            } else if repeats(connection, order).await? {
                Recording::AlreadyRecorded
            } else {
                Recording::Conflict
            };
            outcomes.push(outcome);
        }
        Ok(outcomes)
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

/// Says whether what is recorded under the order's id is the same order.
async fn repeats(connection: &mut SqliteConnection, order: &Order) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT user_id = ?2 AND number_of_items = ?3 AND total_minor = ?4 FROM orders WHERE order_id = ?1",
    )
    .bind(order.id.to_string())
    .bind(order.draft.user.as_str())
    .bind(order.draft.items.get())
    .bind(order.draft.total.as_minor())
    .fetch_one(connection)
    .await
}

/// Reads a row; what breaks a rule of the domain was not written by this program, and names the row.
fn recorded(row: &SqliteRow) -> Result<RecordedOrder, Broken> {
    let id: &str = row.try_get(0)?;
    checked(id, row).map_err(|cause| format!("the row of order {id} is broken: {cause}").into())
}

fn checked(id: &str, row: &SqliteRow) -> Result<RecordedOrder, Broken> {
    let draft = OrderDraft {
        user: UserId::new(row.try_get(1)?)?,
        items: ItemCount::new(row.try_get(2)?)?,
        total: Money::from_minor("total_amount", row.try_get(3)?)?,
    };
    let id = OrderId::parse("order_id", id)?;
    let order = Order { id, draft, created_at: Timestamp::from_millis(row.try_get(4)?)? };
    Ok(RecordedOrder { order, recorded_at: Timestamp::from_millis(row.try_get(5)?)? })
}
