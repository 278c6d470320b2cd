use std::path::Path;

use keeper_ports::{PortError, PortResult};
use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Sqlite, SqliteConnection, SqlitePool};
use tokio::time::timeout;

use crate::error;
use crate::opened_file::{BUSY_TIMEOUT, OpenedFile};
use crate::table::{COLUMNS, Table};
use crate::writer::{Write, Writer};

/// Readers wait for nobody; more of them than cores gain nothing.
const READERS: u32 = 4;
/// What the write-ahead log shrinks to after it had to grow, in bytes.
const LOG_SIZE: &str = "67108864";

/// One database file: readers beside each other, and one writer. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SqliteDatabase {
    dependency: &'static str,
    tables: &'static [Table],
    file: OpenedFile,
    readers: SqlitePool,
    writer: Writer,
}

/// A statement with its parameters.
pub(crate) type Statement<'q> = sqlx::query::Query<'q, Sqlite, sqlx::sqlite::SqliteArguments>;

impl SqliteDatabase {
    /// Opens the file, makes it when it is not there, and applies the migrations that are missing.
    pub(crate) async fn open(
        path: &Path,
        dependency: &'static str,
        tables: &'static [Table],
        mut migrator: Migrator,
    ) -> sqlx::Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A commit is on the disk before it is answered.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("journal_size_limit", LOG_SIZE)
            .pragma("temp_store", "memory");
        let mut connection = options.connect().await?;
        migrator.set_ignore_missing(true);
        if let Err(error) = migrate(&mut connection, &migrator).await {
            // Nothing is left open. The error of the migration is returned, not one of closing.
            let _ = connection.close().await;
            return Err(error);
        }
        let file = OpenedFile::of(path)?;
        // From here on a file that is not there was taken away.
        let options = options.create_if_missing(false);
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(BUSY_TIMEOUT)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with(options.clone().pragma("query_only", "1"));
        let writer = Writer::start(dependency, file.clone(), options, connection);
        Ok(Self { dependency, tables, file, readers, writer })
    }

    /// Reads rows.
    pub(crate) async fn rows(&self, statement: Statement<'_>) -> PortResult<Vec<SqliteRow>> {
        statement.fetch_all(&self.readers).await.map_err(|error| error::meaning(self.dependency, error))
    }

    /// Reads a row, if there is one.
    pub(crate) async fn row(&self, statement: Statement<'_>) -> PortResult<Option<SqliteRow>> {
        statement.fetch_optional(&self.readers).await.map_err(|error| error::meaning(self.dependency, error))
    }

    /// Writes; durable when this returns `Ok`, and nothing has changed otherwise.
    pub(crate) async fn write<W: Write>(&self, write: W) -> PortResult<W::Output> {
        self.writer.write(write).await
    }

    /// Says whether writes go through: the last one did, or one that is tried now does.
    pub(crate) async fn takes_writes(&self) -> PortResult<()> {
        self.writer.check().await
    }

    /// Closes every connection, after moving everything from the write-ahead log into the database file: the file is
    /// whole by itself then. Calls that come later, and reads that take longer than five seconds, are `Unavailable`.
    ///
    /// # Errors
    /// Another process has the file open, or it cannot be written: the newest data is in the log beside it.
    pub async fn close(&self) -> PortResult<()> {
        // A reader holds the log back; one that hangs must not hold up the stop.
        let _ = timeout(BUSY_TIMEOUT, self.readers.close()).await;
        self.writer.close().await
    }

    /// Closes every connection like [`Self::close`], and logs what does not succeed: nothing is lost.
    pub async fn close_or_tell(&self) {
        if let Err(error) = self.close().await {
            let cause = error.chain();
            tracing::warn!(cause, "a database file is not whole without the file ending in -wal beside it");
        }
    }

    /// The numbers of connections that are open, and of those that are idle. The writer has one, always.
    pub fn connections(&self) -> (usize, usize) {
        (self.readers.size() as usize + 1, self.readers.num_idle())
    }

    /// Says whether what is written is there after a restart, too.
    pub(crate) fn in_place(&self) -> PortResult<()> {
        self.file.check().map_err(|cause| error::meaning(self.dependency, cause.into()))
    }

    /// Says whether the tables are there, with all of their columns.
    pub(crate) async fn has_tables(&self) -> PortResult<()> {
        let columns = self.rows(sqlx::query(COLUMNS)).await?;
        match self.tables.iter().find_map(|table| table.lacks(&columns)) {
            None => Ok(()),
            Some(lost) => {
                let why = format!("its file has lost {lost}: restore it from a backup");
                Err(PortError::failed(self.dependency, why))
            }
        }
    }

    pub(crate) fn dependency(&self) -> &'static str {
        self.dependency
    }

    /// A row that this program did not write.
    pub(crate) fn broken(&self, cause: RowError) -> PortError {
        PortError::failed(self.dependency, cause)
    }
}

/// All migrations in one transaction that nobody else writes beside: two processes may open a new file.
async fn migrate(connection: &mut SqliteConnection, migrator: &Migrator) -> sqlx::Result<()> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    migrator.run_direct(None, &mut *transaction, false).await?;
    transaction.commit().await
}

/// Why a row breaks a rule of the domain.
pub(crate) type RowError = Box<dyn std::error::Error + Send + Sync>;
