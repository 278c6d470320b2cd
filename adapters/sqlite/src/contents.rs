use std::ffi::OsString;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use crate::directory::{BILLING, File, INVENTORY};
use crate::opened_file::BUSY_TIMEOUT;
use crate::table::{TABLES, Table};

/// What is in a database file, before anything is made in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contents {
    /// It is not there, or has no byte.
    Nothing,
    /// It was a database, but has no table, and no write-ahead log beside it that could have one.
    Torn,
    /// Its tables, in which no row has ever been.
    Tables,
    /// Rows, now or earlier.
    Rows,
    /// Tables, but not this one of those that it must have.
    Lacks(&'static str),
    /// The tables of the file of this name in place of its own.
    Other(&'static str),
}

impl Contents {
    /// Looks into a file. It is not changed, but for what a process that was killed left in its write-ahead log.
    ///
    /// # Errors
    /// It cannot be read, or is not a database.
    pub(crate) async fn of(path: &Path, file: &File) -> sqlx::Result<Self> {
        if path.metadata().map_or(0, |file| file.len()) == 0 {
            return Ok(Self::Nothing);
        }
        // Asked before the file is opened, which makes a log.
        let has_log = log_of(path).exists();
        let options = SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT);
        let mut connection = options.connect().await?;
        let contents = look(&mut connection, has_log, file).await;
        connection.close().await?;
        contents
    }
}

async fn look(connection: &mut SqliteConnection, has_log: bool, file: &File) -> sqlx::Result<Contents> {
    // It is there from the first table on, and remembers that there were rows when there are none any more.
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_sequence'";
    if sqlx::query_scalar::<_, i64>(tables).fetch_one(&mut *connection).await? == 0 {
        return Ok(if has_log { Contents::Nothing } else { Contents::Torn });
    }
    if let Some(lacking) = first_missing(connection, file.tables).await? {
        for other in [INVENTORY, BILLING].iter().filter(|other| other.name != file.name) {
            if first_missing(connection, other.tables).await?.is_none() {
                return Ok(Contents::Other(other.name));
            }
        }
        return Ok(Contents::Lacks(lacking));
    }
    let rows = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sqlite_sequence WHERE seq > 0)");
    Ok(if rows.fetch_one(connection).await? { Contents::Rows } else { Contents::Tables })
}

/// The first table that is not there, of those that were made: an earlier version made fewer.
async fn first_missing(
    connection: &mut SqliteConnection,
    tables: &[Table],
) -> sqlx::Result<Option<&'static str>> {
    let migrated = "SELECT coalesce(max(version), 0) FROM _sqlx_migrations WHERE success";
    let migrated: i64 = sqlx::query_scalar(migrated).fetch_one(&mut *connection).await?;
    let there: Vec<String> = sqlx::query_scalar(TABLES).fetch_all(connection).await?;
    let is_missing =
        |table: &&Table| table.made_by <= migrated && !there.iter().any(|there| there == table.name);
    Ok(tables.iter().find(is_missing).map(|table| table.name))
}

/// The file of a database's write-ahead log.
fn log_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push("-wal");
    name.into()
}
