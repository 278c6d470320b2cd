use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use keeper_ports::{PortError, PortResult, Probe};
use sqlx::Row;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::PgDatabase;
use crate::rights::Rights;
use crate::server::Server;

/// How long the database has to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Says whether the database answers, takes writes, is fit for the unit's data, and has the unit's schema with the rights to
/// use it. Tables and rights are asked for each time: somebody may drop a table, take a right away, or restore an older backup.
/// Checks that come together share their questions, so that a crowd of them costs the database no more than a few.
#[derive(Debug)]
pub struct DatabaseProbe {
    database: PgDatabase,
    /// All migrations were seen, and nothing has been missing since: they are not read again.
    migrated: AtomicBool,
    /// The unit makes the schema when it starts, which it has not done yet.
    migrates_later: bool,
    /// It was told that the server does not care for its disk.
    careless: AtomicBool,
    /// When the last check that found everything well was begun. Held while one goes on.
    well: Mutex<Option<Instant>>,
}

impl DatabaseProbe {
    /// Makes the probe.
    pub fn new(database: PgDatabase) -> Self {
        let (migrated, careless) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { database, migrated, migrates_later: false, careless, well: Mutex::new(None) }
    }

    /// Makes the probe of a unit that does not run. Where it `migrates` when it starts, the schema need not be there yet.
    pub fn before_start(database: PgDatabase, migrates: bool) -> Self {
        Self { migrates_later: migrates, ..Self::new(database) }
    }

    /// Asks, unless another check was begun after this one came, and found everything well.
    async fn ask_once(&self) -> PortResult<()> {
        let came = Instant::now();
        let mut well = self.well.lock().await;
        if well.is_some_and(|begun| begun >= came) {
            return Ok(());
        }
        let begun = Instant::now();
        self.ask().await?;
        *well = Some(begun);
        Ok(())
    }

    async fn ask(&self) -> PortResult<()> {
        let server = Server::ask(&self.database).await?;
        if server.is_read_only() {
            self.database.distrust();
        }
        server.check(&self.database)?;
        if !server.keeps_what_it_commits(&self.database) && !self.careless.swap(true, Ordering::Relaxed) {
            let dependency = self.database.dependency();
            tracing::warn!(
                dependency,
                "fsync is off: a recorded order could be lost when the machine crashes"
            );
        }
        self.ask_tables().await?;
        // Last: what else is wrong may be why nothing is written any more.
        let full = |said| {
            PortError::unavailable(self.database.dependency(), format!("it has no room to write: {said}"))
        };
        self.database.no_room().map_or(Ok(()), |said| Err(full(said)))
    }

    async fn ask_tables(&self) -> PortResult<()> {
        if self.migrated.load(Ordering::Relaxed)
            && Rights::ask(&self.database).await?.check(&self.database).is_ok()
        {
            return Ok(());
        }
        // What is missing is told apart with more questions.
        let schema = self.check_schema().await;
        self.migrated.store(schema.is_ok() && !self.migrates_later, Ordering::Relaxed);
        schema
    }

    async fn check_schema(&self) -> PortResult<()> {
        let database = &self.database;
        let applied = self.applied().await?;
        let needed = database.schema().migrations();
        let other = |(version, checksum): &(i64, Vec<u8>)| {
            applied.iter().any(|(applied, theirs)| applied == version && theirs != checksum)
        };
        if needed.iter().any(other) {
            return Err(PortError::failed(database.dependency(), database.belongs_to_another()));
        }
        let missing = needed.iter().filter(|migration| !applied.contains(migration)).count();
        match (missing, database.migration_failure()) {
            (0, _) => Rights::ask(database).await?.check(database),
            (_, None) if self.migrates_later => Ok(()),
            (_, Some(failure)) => Err(PortError::unavailable(database.dependency(), failure)),
            (_, None) => {
                Rights::check_schema(database).await?;
                let unit = database.schema().unit();
                let cause =
                    format!("{missing} migrations are not applied yet (`{unit} migrate` applies them)");
                Err(PortError::unavailable(database.dependency(), cause))
            }
        }
    }

    /// Version and checksum of the migrations that were applied.
    async fn applied(&self) -> PortResult<Vec<(i64, Vec<u8>)>> {
        let database = &self.database;
        let failed = |error| database.meaning(error);
        if !Rights::may_read_migrations(database).await? {
            return Ok(Vec::new());
        }
        let answer = database
            .read(|| sqlx::query("SELECT version, checksum FROM _sqlx_migrations WHERE success"))
            .await?;
        let rows = answer.rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        rows.collect::<sqlx::Result<_>>().map_err(failed)
    }
}

#[async_trait]
impl Probe for DatabaseProbe {
    fn name(&self) -> &'static str {
        self.database.dependency()
    }

    async fn check(&self) -> PortResult<()> {
        let late = |late| PortError::unavailable(self.database.dependency(), late);
        tokio::time::timeout(PATIENCE, self.ask_once()).await.map_err(late)?
    }
}
