use futures_util::future::join_all;
use sqlx::migrate::Migrator;
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;
use tokio::time::Instant;

use super::*;
use crate::SqliteDatabase;
use crate::opened_file::BUSY_TIMEOUT;

/// Inserts a number that must be positive and new.
struct Insert(i64);

#[async_trait]
impl Write for Insert {
    type Output = i64;

    async fn apply(&self, connection: &mut SqliteConnection) -> sqlx::Result<i64> {
        sqlx::query("INSERT INTO numbers (number, ballast) VALUES (?1, zeroblob(20000))")
            .bind(self.0)
            .execute(connection)
            .await?;
        Ok(self.0)
    }
}

struct Run(&'static str);

#[async_trait]
impl Write for Run {
    type Output = ();

    async fn apply(&self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
        sqlx::query(self.0).fetch_all(connection).await.map(|_| ())
    }
}

async fn database() -> (SqliteDatabase, TempDir) {
    let folder = TempDir::new().unwrap();
    let none = Migrator::with_migrations(Vec::new());
    let database =
        SqliteDatabase::open(&folder.path().join("test.db"), "test database", &[], none).await.unwrap();
    let table = "CREATE TABLE numbers (number INTEGER PRIMARY KEY CHECK (number > 0), ballast BLOB)";
    database.write(Run(table)).await.unwrap();
    (database, folder)
}

async fn count(database: &SqliteDatabase) -> i64 {
    let row = database.row(sqlx::query("SELECT count(*) FROM numbers")).await.unwrap();
    sqlx::Row::get(&row.unwrap(), 0)
}

#[tokio::test]
async fn a_write_that_is_refused_does_not_spoil_those_that_are_committed_with_it() {
    let (database, _folder) = database().await;
    let numbers: Vec<i64> = (1..120).map(|number| if number % 7 == 0 { -number } else { number }).collect();
    let results = join_all(numbers.iter().map(|number| database.write(Insert(*number)))).await;
    for (number, result) in numbers.iter().zip(results) {
        match result {
            Ok(written) => assert!(written == *number && written > 0),
            Err(error) => assert!(*number < 0 && !error.is_transient(), "{number}: {}", error.chain()),
        }
    }
    assert_eq!(count(&database).await, 119 - 17);
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_recovers() {
    let (database, _folder) = database().await;
    database.write(Insert(1)).await.unwrap();
    database.write(Run("PRAGMA max_page_count = 12")).await.unwrap();
    let mut stored = 1;
    let full = loop {
        match database.write(Insert(stored + 1)).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 100, "the limit has no effect");
    };
    assert!(full.is_transient(), "{}", full.chain());
    assert_eq!(count(&database).await, stored);
    // The limit ends with its connection, as a full disk ends when somebody makes room.
    database.write(Insert(stored + 1)).await.unwrap();
    assert_eq!(count(&database).await, stored + 1);
}

/// Another process that writes, until it is dropped.
async fn lock(folder: &TempDir) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(folder.path().join("test.db"));
    let mut other = options.connect().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    other
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_locked_refuses_writes_soon_and_then_at_once() {
    let (database, folder) = database().await;
    let other = lock(&folder).await;
    let begun = Instant::now();
    let results = join_all((1..=600).map(|number| database.write(Insert(number)))).await;
    assert!(results.iter().all(|result| result.as_ref().is_err_and(PortError::is_transient)));
    // One waits as long as SQLite does.
    assert!(begun.elapsed() < 2 * BUSY_TIMEOUT, "{:?}", begun.elapsed());
    let told = database.takes_writes().await.unwrap_err().chain();
    assert!(told.contains("locked"), "{told}");
    // One is tried; the others need not wait for it.
    let begun = Instant::now();
    let (refused, read) =
        tokio::join!(join_all((601..700).map(|number| database.write(Insert(number)))), count(&database));
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    assert!(refused.iter().all(Result::is_err) && read == 0);
    other.close().await.unwrap();
    let recovered = async {
        while database.takes_writes().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(2 * BUSY_TIMEOUT, recovered).await.unwrap();
    let results = join_all((1..=600).map(|number| database.write(Insert(number)))).await;
    assert!(results.iter().all(Result::is_ok));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_nobody_waits_for_is_not_begun() {
    let (database, folder) = database().await;
    let other = lock(&folder).await;
    let (one, two) = (database.write(Insert(1)), database.write(Insert(2)));
    let left = timeout(Duration::from_millis(50), async { tokio::join!(one, two) }).await;
    assert!(left.is_err());
    other.close().await.unwrap();
    database.write(Insert(3)).await.unwrap();
    assert_eq!(count(&database).await, 1);
}
