use futures_util::future::join_all;
use sqlx::migrate::Migrator;
use tempfile::TempDir;

use super::*;
use crate::SqliteDatabase;

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
    let numbers: Vec<i64> = (1..200).map(|number| if number % 7 == 0 { -number } else { number }).collect();
    let results = join_all(numbers.iter().map(|number| database.write(Insert(*number)))).await;
    for (number, result) in numbers.iter().zip(results) {
        match result {
            Ok(written) => assert!(written == *number && written > 0),
            Err(error) => assert!(*number < 0 && !error.is_transient(), "{number}: {}", error.chain()),
        }
    }
    assert_eq!(count(&database).await, 199 - 28);
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
