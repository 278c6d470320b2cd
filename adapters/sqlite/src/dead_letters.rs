use async_trait::async_trait;
use keeper_domain::{DeadLetter, DeadLetterId, DeadLetterReason, Timestamp};
use keeper_ports::PortResult;
use keeper_ports::billing::DeadLetters;
use keeper_telemetry::context::{REQUEST_ID, TRACEPARENT};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use crate::SqliteQueue;
use crate::database::Broken;
use crate::writer::Write;

/// The dead letters on SQLite: a table beside the queue. A process that does not serve may use it at the same time.
#[derive(Debug, Clone)]
pub struct SqliteDeadLetters {
    queue: SqliteQueue,
}

impl SqliteDeadLetters {
    /// Makes the dead letters of a queue.
    pub fn new(queue: SqliteQueue) -> Self {
        Self { queue }
    }
}

#[async_trait]
impl DeadLetters for SqliteDeadLetters {
    async fn list(&self, limit: usize) -> PortResult<Vec<DeadLetter>> {
        let database = &self.queue.database;
        let statement = sqlx::query(
            "SELECT id, reason, detail, first_seen, message_id, request_id, traceparent, body
             FROM dead_letters ORDER BY first_seen, seq LIMIT ?1",
        )
        .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows = database.rows(statement).await?;
        rows.iter().map(|row| dead_letter(row).map_err(|cause| database.broken(cause))).collect()
    }

    async fn replay(&self, ids: Option<Vec<DeadLetterId>>) -> PortResult<u64> {
        let replayed = self.queue.database.write(Leave { ids, to_queue: true }).await?;
        self.queue.bell.notify_one();
        Ok(replayed)
    }

    async fn discard(&self, ids: Vec<DeadLetterId>) -> PortResult<u64> {
        self.queue.database.write(Leave { ids: Some(ids), to_queue: false }).await
    }
}

/// Takes dead letters away, those of the ids or all, after putting them into the queue where that is wanted.
struct Leave {
    ids: Option<Vec<DeadLetterId>>,
    to_queue: bool,
}

#[async_trait]
impl Write for Leave {
    type Output = u64;

    async fn apply(&self, connection: &mut SqliteConnection) -> sqlx::Result<u64> {
        let Some(ids) = &self.ids else {
            return self.leave(connection, None).await;
        };
        let mut left = 0;
        for id in ids {
            left += self.leave(connection, Some(id.to_string())).await?;
        }
        Ok(left)
    }
}

impl Leave {
    async fn leave(&self, connection: &mut SqliteConnection, id: Option<String>) -> sqlx::Result<u64> {
        if self.to_queue {
            sqlx::query(
                "INSERT INTO order_queue (message_id, request_id, traceparent, body, first_seen)
                 SELECT message_id, request_id, traceparent, body, first_seen
                 FROM dead_letters WHERE ?1 IS NULL OR id = ?1 ORDER BY seq",
            )
            .bind(&id)
            .execute(&mut *connection)
            .await?;
        }
        let left = sqlx::query("DELETE FROM dead_letters WHERE ?1 IS NULL OR id = ?1")
            .bind(&id)
            .execute(connection)
            .await?;
        Ok(left.rows_affected())
    }
}

/// Reads a row; what breaks a rule of the domain was not written by this program, and names the row.
fn dead_letter(row: &SqliteRow) -> Result<DeadLetter, Broken> {
    let id: &str = row.try_get(0)?;
    checked(id, row).map_err(|cause| format!("the row of dead letter {id} is broken: {cause}").into())
}

fn checked(id: &str, row: &SqliteRow) -> Result<DeadLetter, Broken> {
    let headers = [(REQUEST_ID, row.try_get(5)?), (TRACEPARENT, row.try_get(6)?)];
    let present = |(name, value): (&str, Option<String>)| value.map(|value| (name.to_owned(), value));
    Ok(DeadLetter {
        id: DeadLetterId::parse(id)?,
        reason: DeadLetterReason::parse(row.try_get(1)?).ok_or("its reason is unknown")?,
        detail: row.try_get(2)?,
        first_seen: Timestamp::from_millis(row.try_get(3)?)?,
        order_id: row.try_get(4)?,
        headers: headers.into_iter().filter_map(present).collect(),
        body: row.try_get(7)?,
    })
}
