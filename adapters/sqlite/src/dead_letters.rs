use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use keeper_domain::{
    Coverage, DeadLetter, DeadLetterId, DeadLetterList, DeadLetterReason, DeadLetterSelection,
    DeadLettersTaken, Timestamp,
};
use keeper_ports::billing::{DeadLetters, Keep};
use keeper_ports::{PortError, PortResult};
use keeper_telemetry::context::{REQUEST_ID, TRACEPARENT, TRACESTATE};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use crate::SqliteQueue;
use crate::database::RowError;
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

    async fn total(&self) -> PortResult<u64> {
        let database = &self.queue.database;
        let row = database.row(sqlx::query("SELECT count(*) FROM dead_letters")).await?;
        let total = row.map_or(Ok(0), |row| row.try_get::<i64, _>(0));
        total.map(i64::unsigned_abs).map_err(|error| database.broken(error.into()))
    }

    /// Reads up to `limit` of them, oldest first. A row that breaks a rule is left out, so that it does not take the others with
    /// it.
    async fn oldest(&self, limit: usize) -> PortResult<Vec<DeadLetter>> {
        let database = &self.queue.database;
        let (mut letters, mut passed) = (Vec::new(), 0_usize);
        loop {
            let missing = limit - letters.len();
            let statement = sqlx::query(OLDEST)
                .bind(i64::try_from(missing).unwrap_or(i64::MAX))
                .bind(i64::try_from(passed).unwrap_or(i64::MAX));
            let rows = database.rows(statement).await?;
            passed += rows.len();
            letters.extend(rows.iter().filter_map(|row| {
                let left_out =
                    |cause: &RowError| tracing::error!(%cause, "a dead letter is left out of a list");
                dead_letter(row).inspect_err(left_out).ok()
            }));
            if letters.len() == limit || rows.len() < missing {
                return Ok(letters);
            }
        }
    }
}

const OLDEST: &str =
    "SELECT id, reason, detail, first_seen, message_id, request_id, traceparent, body, tracestate
     FROM dead_letters ORDER BY first_seen, seq LIMIT ?1 OFFSET ?2";

#[async_trait]
impl DeadLetters for SqliteDeadLetters {
    async fn list(&self, limit: usize) -> PortResult<DeadLetterList> {
        let letters = self.oldest(limit).await?;
        // Some may have gone since.
        let total = self.total().await?.max(letters.len() as u64);
        Ok(DeadLetterList { letters, coverage: Coverage::whole(total) })
    }

    async fn find(&self, id: DeadLetterId) -> PortResult<DeadLetterList> {
        let database = &self.queue.database;
        let found = database.row(sqlx::query(BY_ID).bind(id.to_string())).await?;
        let found = found.map(|row| dead_letter(&row)).transpose();
        let letters: Vec<_> = found.map_err(|cause| database.broken(cause))?.into_iter().collect();
        let total = self.total().await?.max(letters.len() as u64);
        Ok(DeadLetterList { letters, coverage: Coverage::whole(total) })
    }

    async fn replay(&self, selection: DeadLetterSelection) -> PortResult<DeadLettersTaken> {
        let total = self.total().await?;
        let count = self.queue.database.write(Replay(selection)).await?;
        self.queue.bell.notify_one();
        Ok(DeadLettersTaken { count, coverage: Coverage::whole(total.max(count)) })
    }

    async fn discard(&self, ids: Vec<DeadLetterId>, keep: Keep) -> PortResult<DeadLettersTaken> {
        let total = self.total().await?;
        let kept = Arc::new(Kept { keep, ids: Mutex::default(), failure: Mutex::default() });
        let discarded = self.queue.database.write(Discard { ids, kept: Arc::clone(&kept) }).await;
        let failure = kept.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        let count = failure.map_or(discarded, Err)?;
        Ok(DeadLettersTaken { count, coverage: Coverage::whole(total.max(count)) })
    }
}

const BY_ID: &str =
    "SELECT id, reason, detail, first_seen, message_id, request_id, traceparent, body, tracestate
                     FROM dead_letters WHERE id = ?1";

/// Puts dead letters back into the queue.
struct Replay(DeadLetterSelection);

#[async_trait]
impl Write for Replay {
    type Output = u64;

    async fn apply(&self, connection: &mut SqliteConnection) -> sqlx::Result<u64> {
        match &self.0 {
            DeadLetterSelection::All => replay(connection, None, None).await,
            DeadLetterSelection::Reason(reason) => replay(connection, None, Some(reason.as_str())).await,
            DeadLetterSelection::Ids(ids) => {
                let mut replayed = 0;
                for id in ids {
                    replayed += replay(connection, Some(id.to_string()), None).await?;
                }
                Ok(replayed)
            }
        }
    }
}

async fn replay(
    connection: &mut SqliteConnection,
    id: Option<String>,
    reason: Option<&str>,
) -> sqlx::Result<u64> {
    sqlx::query(
        "INSERT INTO order_queue (message_id, request_id, traceparent, body, first_seen, tracestate)
         SELECT message_id, request_id, traceparent, body, first_seen, tracestate
         FROM dead_letters WHERE (?1 IS NULL OR id = ?1) AND (?2 IS NULL OR reason = ?2) ORDER BY seq",
    )
    .bind(&id)
    .bind(reason)
    .execute(&mut *connection)
    .await?;
    let deleted =
        sqlx::query("DELETE FROM dead_letters WHERE (?1 IS NULL OR id = ?1) AND (?2 IS NULL OR reason = ?2)");
    Ok(deleted.bind(&id).bind(reason).execute(connection).await?.rows_affected())
}

/// Throws dead letters away. Each is kept within the transaction that it goes in: nobody else takes it in between.
struct Discard {
    ids: Vec<DeadLetterId>,
    kept: Arc<Kept>,
}

/// What was kept so far: the transaction may be tried again.
struct Kept {
    keep: Keep,
    ids: Mutex<HashSet<DeadLetterId>>,
    failure: Mutex<Option<PortError>>,
}

#[async_trait]
impl Write for Discard {
    type Output = u64;

    async fn apply(&self, connection: &mut SqliteConnection) -> sqlx::Result<u64> {
        *self.kept.failure.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let mut discarded = 0;
        for id in &self.ids {
            let Some(row) = sqlx::query(BY_ID).bind(id.to_string()).fetch_optional(&mut *connection).await?
            else {
                continue;
            };
            let letter = dead_letter(&row).map_err(sqlx::Error::Decode)?;
            self.kept.keep(&letter)?;
            let deleted = sqlx::query("DELETE FROM dead_letters WHERE id = ?1").bind(id.to_string());
            discarded += deleted.execute(&mut *connection).await?.rows_affected();
        }
        Ok(discarded)
    }
}

impl Kept {
    fn keep(&self, letter: &DeadLetter) -> sqlx::Result<()> {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.contains(&letter.id) {
            return Ok(());
        }
        (self.keep)(letter).map_err(|failure| {
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
            sqlx::Error::Io(io::Error::other("it could not be kept"))
        })?;
        ids.insert(letter.id);
        Ok(())
    }
}

/// Reads a row; what breaks a rule of the domain was not written by this program, and names the row.
fn dead_letter(row: &SqliteRow) -> Result<DeadLetter, RowError> {
    let id: &str = row.try_get(0)?;
    read(id, row).map_err(|cause| format!("the row of dead letter {id} is broken: {cause}").into())
}

fn read(id: &str, row: &SqliteRow) -> Result<DeadLetter, RowError> {
    let headers =
        [(REQUEST_ID, row.try_get(5)?), (TRACEPARENT, row.try_get(6)?), (TRACESTATE, row.try_get(8)?)];
    let present = |(name, value): (&str, Option<String>)| value.map(|value| (name.to_owned(), value));
    Ok(DeadLetter {
        id: DeadLetterId::parse("id", id)?,
        reason: DeadLetterReason::from_store(row.try_get(1)?),
        detail: row.try_get(2)?,
        first_seen: Timestamp::from_millis(row.try_get(3)?)?,
        order_id: row.try_get(4)?,
        headers: headers.into_iter().filter_map(present).collect(),
        body: row.try_get(7)?,
    })
}
