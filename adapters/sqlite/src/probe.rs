use async_trait::async_trait;
use keeper_ports::{PortResult, Probe};

use crate::SqliteDatabase;

/// Says whether a database file can be read, takes writes as far as is known, has its tables, and is where it was opened.
#[derive(Debug)]
pub struct SqliteProbe {
    database: SqliteDatabase,
}

impl SqliteProbe {
    /// Makes the probe.
    pub fn new(database: SqliteDatabase) -> Self {
        Self { database }
    }
}

#[async_trait]
impl Probe for SqliteProbe {
    fn name(&self) -> &'static str {
        self.database.dependency()
    }

    async fn check(&self) -> PortResult<()> {
        self.database.in_place()?;
        // Unlike SELECT 1, it reads the file.
        self.database.has_tables().await?;
        // Known by the last write: a full disk can be read, and a lock of another process is no fault in itself.
        self.database.takes_writes().await
    }
}
