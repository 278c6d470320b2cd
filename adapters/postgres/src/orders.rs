use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use keeper_domain::{
    ItemCount, Money, Order, OrderDraft, OrderId, Page, RecordedOrder, Recording, Slice, Timestamp, UserId,
};
use keeper_ports::billing::OrderLedger;
use keeper_ports::{PortError, PortResult};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::Database;

/// The ledger on PostgreSQL.
#[derive(Debug, Clone)]
pub struct PgOrders {
    database: Database,
}

impl PgOrders {
    /// Makes the ledger; the database's schema is [`crate::Schema::Billing`].
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    fn recorded(&self, row: &PgRow) -> PortResult<RecordedOrder> {
        recorded(row).map_err(|cause| PortError::failed(self.database.what(), cause))
    }

    /// Inserts the orders that are not there and says which. One statement is one transaction.
    async fn insert(&self, batch: &Columns, now: Timestamp) -> PortResult<HashSet<Uuid>> {
        let answer = self
            .database
            .repeatable(|| {
                sqlx::query(
                    "INSERT INTO orders (order_id, user_id, number_of_items, total_minor, created_at, recorded_at)
                     SELECT order_id, user_id, items, total, created_at, $6
                     FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::bigint[], $5::timestamptz[])
                         AS batch (order_id, user_id, items, total, created_at)
                     ON CONFLICT (order_id) DO NOTHING RETURNING order_id",
                )
                .bind(&batch.ids)
                .bind(&batch.users)
                .bind(&batch.items)
                .bind(&batch.totals)
                .bind(&batch.created)
                .bind(now.as_datetime())
            })
            .await?;
        let ids: sqlx::Result<_> = answer.rows.iter().map(|row| row.try_get(0)).collect();
        ids.map_err(|error| self.database.meaning(error))
    }

    /// Finds what is recorded under the ids of a batch. It needs a statement of its own: the one that inserts does
    /// not see what another transaction committed while it waited for it.
    async fn drafts(&self, batch: &Columns) -> PortResult<HashMap<Uuid, OrderDraft>> {
        let answer = self
            .database
            .read(|| {
                sqlx::query(
                    "SELECT order_id, user_id, number_of_items, total_minor, created_at, recorded_at
                     FROM orders WHERE order_id = ANY($1)",
                )
                .bind(&batch.ids)
            })
            .await?;
        let pair = |row| self.recorded(row).map(|known| (known.order.id.as_uuid(), known.order.draft));
        answer.rows.iter().map(pair).collect()
    }
}

#[async_trait]
impl OrderLedger for PgOrders {
    async fn record(&self, batch: Vec<Order>, now: Timestamp) -> PortResult<Vec<Recording>> {
        let columns = Columns::of(&batch);
        let inserted = self.insert(&columns, now).await?;
        let recorded =
            if inserted.len() < columns.ids.len() { self.drafts(&columns).await? } else { HashMap::new() };
        // The first order of an id that was inserted is the one that is recorded; what follows it repeats it or not.
        let mut first: HashMap<Uuid, &OrderDraft> = HashMap::with_capacity(batch.len());
        batch
            .iter()
            .map(|order| {
                let id = order.id.as_uuid();
                let known = match (first.get(&id), recorded.get(&id)) {
                    (Some(draft), _) => draft,
                    (None, _) if inserted.contains(&id) => {
                        first.insert(id, &order.draft);
                        return Ok(Recording::Recorded);
                    }
                    (None, Some(draft)) => draft,
                    // Neither inserted nor found: somebody deleted it in between.
                    (None, None) => {
                        return Err(PortError::unavailable(self.database.what(), "an order vanished"));
                    }
                };
                Ok(if *known == order.draft { Recording::AlreadyRecorded } else { Recording::Conflict })
            })
            .collect()
    }

    async fn find(&self, id: OrderId) -> PortResult<Option<RecordedOrder>> {
        let answer = self
            .database
            .read(|| {
                sqlx::query(
                    "SELECT order_id, user_id, number_of_items, total_minor, created_at, recorded_at
                     FROM orders WHERE order_id = $1",
                )
                .bind(id.as_uuid())
            })
            .await?;
        answer.rows.first().map(|row| self.recorded(row)).transpose()
    }

    async fn list(&self, user: UserId, page: Page<OrderId>) -> PortResult<Slice<RecordedOrder>> {
        let answer = self
            .database
            .read(|| {
                // Without an order to start after, every seq is asked for; an unknown one gives NULL and no row.
                sqlx::query(
                    "SELECT order_id, user_id, number_of_items, total_minor, created_at, recorded_at FROM orders
                     WHERE user_id = $1 AND seq > CASE WHEN $2::uuid IS NULL THEN 0
                         ELSE (SELECT seq FROM orders WHERE order_id = $2 AND user_id = $1) END
                     ORDER BY seq LIMIT $3",
                )
                .bind(user.as_str())
                .bind(page.after.map(OrderId::as_uuid))
                .bind(i64::from(page.limit.get()) + 1)
            })
            .await?;
        let orders: PortResult<Vec<_>> = answer.rows.iter().map(|row| self.recorded(row)).collect();
        Ok(Slice::of_one_more(orders?, page.limit))
    }
}

/// A batch as the statement takes it: an array per column, each order id once (the first of them counts), in the
/// ids' order, so that two batches lock the same orders in the same order and never wait for each other in a circle.
struct Columns {
    ids: Vec<Uuid>,
    users: Vec<String>,
    items: Vec<i32>,
    totals: Vec<i64>,
    created: Vec<DateTime<Utc>>,
}

impl Columns {
    fn of(batch: &[Order]) -> Self {
        let mut orders: Vec<&Order> = batch.iter().collect();
        orders.sort_by_key(|order| order.id);
        orders.dedup_by_key(|order| order.id);
        Self {
            ids: orders.iter().map(|order| order.id.as_uuid()).collect(),
            users: orders.iter().map(|order| order.draft.user.as_str().to_owned()).collect(),
            items: orders.iter().map(|order| order.draft.items.get().cast_signed()).collect(),
            totals: orders.iter().map(|order| order.draft.total.as_minor()).collect(),
            created: orders.iter().map(|order| order.created_at.as_datetime()).collect(),
        }
    }
}

type Broken = Box<dyn std::error::Error + Send + Sync>;

/// Reads a row; what breaks a rule of the domain was not written by this program, and names the row.
fn recorded(row: &PgRow) -> Result<RecordedOrder, Broken> {
    let id: Uuid = row.try_get(0)?;
    checked(id, row).map_err(|cause| format!("the row of order {id} is broken: {cause}").into())
}

fn checked(id: Uuid, row: &PgRow) -> Result<RecordedOrder, Broken> {
    let draft = OrderDraft {
        user: UserId::new(row.try_get(1)?)?,
        items: ItemCount::new(u32::try_from(row.try_get::<i32, _>(2)?)?)?,
        total: Money::from_minor("total_amount", row.try_get(3)?)?,
    };
    let created_at = row.try_get::<DateTime<Utc>, _>(4)?.into();
    let recorded_at = row.try_get::<DateTime<Utc>, _>(5)?.into();
    Ok(RecordedOrder { order: Order { id: OrderId::new(id), draft, created_at }, recorded_at })
}
