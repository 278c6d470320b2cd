use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use keeper_ports::{PortError, PortResult, Probe};

use crate::Database;

/// How long the database has to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Says whether the database answers and has the schema that this program needs.
#[derive(Debug)]
pub struct DatabaseProbe {
    database: Database,
    /// A schema that was seen once is not looked for again: migrations are never taken back.
    migrated: AtomicBool,
}

impl DatabaseProbe {
    /// Makes the probe.
    pub fn new(database: Database) -> Self {
        Self { database, migrated: AtomicBool::new(false) }
    }

    async fn ask(&self) -> PortResult<()> {
        if !self.migrated.load(Ordering::Relaxed) {
            self.check_schema().await?;
            self.migrated.store(true, Ordering::Relaxed);
            return Ok(());
        }
        self.database.repeatable(|| sqlx::query("SELECT 1")).await.map(|_| ())
    }

    async fn check_schema(&self) -> PortResult<()> {
        let needed = self.database.schema().versions();
        let answer = self
            .database
            .repeatable(|| {
                sqlx::query(
                    "SELECT count(*) FROM unnest($1::bigint[]) AS needed (version)
                     WHERE NOT EXISTS (SELECT FROM _sqlx_migrations AS m WHERE m.version = needed.version AND m.success)",
                )
                .bind(&needed)
            })
            .await?;
        let missing: i64 = answer.scalar().map_err(|error| self.database.meaning(error))?;
        if missing > 0 {
            let cause = format!("{missing} migrations are not applied yet");
            return Err(PortError::unavailable(self.database.what(), cause));
        }
        Ok(())
    }
}

#[async_trait]
impl Probe for DatabaseProbe {
    fn name(&self) -> &'static str {
        self.database.what()
    }

    async fn check(&self) -> PortResult<()> {
        let late = |late| PortError::unavailable(self.database.what(), late);
        tokio::time::timeout(PATIENCE, self.ask()).await.map_err(late)?
    }
}
