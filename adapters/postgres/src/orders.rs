use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use keeper_batching::OrderWaits;
use keeper_domain::{
    ItemCount, Money, Order, OrderDraft, OrderId, Page, RecordedOrder, Slice, Timestamp, UserId,
};
use keeper_ports::billing::OrderLedger;
use keeper_ports::{PortError, PortResult};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::PgDatabase;
use crate::moment::Moment;
use crate::statement::RowError;

/// The ledger on PostgreSQL.
#[derive(Debug, Clone)]
pub struct PgOrders {
    database: PgDatabase,
    waits: OrderWaits,
}

impl PgOrders {
    /// Makes the ledger; the database's schema is [`crate::Schema::Billing`]. What other processes record is heard of while
    /// [`Self::listen`] runs.
    pub fn new(database: PgDatabase) -> Self {
        Self { database, waits: OrderWaits::default() }
    }

    pub(crate) fn database(&self) -> &PgDatabase {
        &self.database
    }

    pub(crate) fn waits(&self) -> &OrderWaits {
        &self.waits
    }

    fn recorded(&self, row: &PgRow) -> PortResult<RecordedOrder> {
        recorded(row).map_err(|cause| PortError::failed(self.database.dependency(), cause))
    }

    /// Finds the rows after the page's order, or after a `seq`, at most one more than the limit.
    async fn rows(&self, user: &UserId, page: Page<OrderId>, after: Option<i64>) -> PortResult<Vec<PgRow>> {
        let spellings = user.spellings();
        let answer = self
            .database
            .read(|| {
                // Without an order to start after, every seq is asked for; an unknown one gives NULL and no row. Each spelling's
                // orders come from the index in their order.
                sqlx::query(
                    "SELECT recorded.* FROM unnest($1::text[]) AS spelling CROSS JOIN LATERAL (
                         SELECT order_id, user_id, number_of_items, total_minor, created_at, recorded_at, seq FROM orders
                         WHERE user_id = spelling AND seq > CASE WHEN $4::bigint IS NOT NULL THEN $4
                             WHEN $2::uuid IS NULL THEN 0
                             ELSE (SELECT seq FROM orders WHERE order_id = $2 AND user_id = ANY($1)) END
                         ORDER BY seq LIMIT $3
                     ) AS recorded ORDER BY seq LIMIT $3",
                )
                .bind(&spellings)
                .bind(page.after.map(OrderId::as_uuid))
                .bind(i64::from(page.limit.get()) + 1)
                .bind(after)
            })
            .await?;
        Ok(answer.rows)
    }

    /// The rows of orders, in no order.
    async fn rows_of(&self, ids: Vec<OrderId>) -> PortResult<Vec<PgRow>> {
        let ids: Vec<_> = ids.into_iter().map(OrderId::as_uuid).collect();
        let answer = self
            .database
            .read(|| {
                sqlx::query(
                    "SELECT order_id, user_id, number_of_items, total_minor, created_at, recorded_at
                     FROM orders WHERE order_id = ANY($1)",
                )
                .bind(&ids)
            })
            .await?;
        Ok(answer.rows)
    }

    /// Those of the orders that are there and can be read. Who waits for another one asks for it in the end, and is answered with
    /// what is wrong.
    pub(crate) async fn readable(&self, ids: Vec<OrderId>) -> PortResult<Vec<RecordedOrder>> {
        Ok(self.rows_of(ids).await?.iter().filter_map(|row| self.recorded(row).ok()).collect())
    }

    /// The orders of a statement's rows.
    fn all_recorded(&self, rows: &[PgRow]) -> PortResult<Vec<RecordedOrder>> {
        rows.iter().map(|row| self.recorded(row)).collect()
    }
}

#[async_trait]
impl OrderLedger for PgOrders {
    /// One statement is one transaction.
    async fn insert(&self, batch: Vec<Order>, now: Timestamp) -> PortResult<HashSet<OrderId>> {
        if batch.is_empty() {
            return Ok(HashSet::new());
        }
        let columns = Columns::of(&batch);
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
                .bind(&columns.ids)
                .bind(&columns.users)
                .bind(&columns.items)
                .bind(&columns.totals)
                .bind(&columns.created)
                .bind(now.as_datetime())
            })
            .await?;
        let ids = answer.rows.iter().map(|row| row.try_get(0).map(OrderId::new));
        let inserted: HashSet<_> =
            ids.collect::<sqlx::Result<_>>().map_err(|error| self.database.meaning(error))?;
        let new = batch.into_iter().filter(|order| inserted.contains(&order.id));
        self.waits.tell(new.map(|order| RecordedOrder { order, recorded_at: now }));
        Ok(inserted)
    }

    /// A statement of its own: the one that inserts does not see what another transaction committed while it waited
    /// for it.
    async fn find_many(&self, ids: Vec<OrderId>) -> PortResult<Vec<RecordedOrder>> {
        self.all_recorded(&self.rows_of(ids).await?)
    }

    /// A row that is there keeps its order.
    async fn contradicted(&self, orders: Vec<Order>, now: Timestamp) -> PortResult<Vec<Order>> {
        let columns = Columns::of(&orders);
        let times =
            columns.ids.iter().map(|id| orders.iter().filter(|order| order.id.as_uuid() == *id).count());
        let times: Vec<i64> = times.map(|times| i64::try_from(times).unwrap_or(i64::MAX)).collect();
        let answer = self
            .database
            .repeatable(|| {
                sqlx::query(
                    "INSERT INTO conflicts
                         (order_id, user_id, number_of_items, total_minor, created_at, first_seen, times)
                     SELECT order_id, user_id, items, total, created_at, $6, times
                     FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::bigint[], $5::timestamptz[], $7::bigint[])
                         AS batch (order_id, user_id, items, total, created_at, times)
                     ON CONFLICT (order_id) DO UPDATE SET times = conflicts.times + excluded.times
                     RETURNING order_id, user_id, number_of_items, total_minor, created_at, first_seen",
                )
                .bind(&columns.ids)
                .bind(&columns.users)
                .bind(&columns.items)
                .bind(&columns.totals)
                .bind(&columns.created)
                .bind(now.as_datetime())
                .bind(&times)
            })
            .await?;
        Ok(self.all_recorded(&answer.rows)?.into_iter().map(|first| first.order).collect())
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
                    after = Some(last.try_get(6).map_err(|error| self.database.meaning(error))?);
                }
                _ => return Ok(Slice::of_one_more(items, page.limit)),
            }
        }
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

/// Reads a row; what breaks a rule of the domain was not written by this program, and names the row.
fn recorded(row: &PgRow) -> Result<RecordedOrder, RowError> {
    let id: Uuid = row.try_get(0)?;
    read(id, row).map_err(|cause| format!("the row of order {id} is broken: {cause}").into())
}

fn read(id: Uuid, row: &PgRow) -> Result<RecordedOrder, RowError> {
    let draft = OrderDraft {
        user: UserId::from_store(row.try_get(1)?)?,
        items: ItemCount::from_store(u32::try_from(row.try_get::<i32, _>(2)?)?),
        total: Money::from_store("total_amount", row.try_get(3)?)?,
    };
    let created_at = row.try_get::<Moment, _>(4)?.get();
    let recorded_at = row.try_get::<Moment, _>(5)?.get();
    Ok(RecordedOrder { order: Order { id: OrderId::new(id), draft, created_at }, recorded_at })
}
