use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use keeper_ports::{PortError, PortResult};
use keeper_wire::settings::WrongSetting;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgRow};
use sqlx::query::Query;
use sqlx::{Either, Executor, PgConnection, Postgres, Row};
use tokio::time::timeout;

use crate::pool::{Lease, Pool};
use crate::{Schema, Settings, error};

/// How much longer than the statement timeout a statement is waited for: then the database is out of reach, since it
/// would have ended the statement itself.
const GRACE: Duration = Duration::from_secs(1);

/// A statement with its parameters.
pub(crate) type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// What a statement gives.
#[derive(Default)]
pub(crate) struct Answer {
    pub(crate) rows: Vec<PgRow>,
    pub(crate) affected: u64,
}

impl Answer {
    async fn to(statement: Statement<'_>, connection: &mut PgConnection) -> sqlx::Result<Self> {
        let mut answer = Self::default();
        let mut parts = connection.fetch_many(statement);
        while let Some(part) = parts.try_next().await? {
            match part {
                Either::Left(done) => answer.affected += done.rows_affected(),
                Either::Right(row) => answer.rows.push(row),
            }
        }
        Ok(answer)
    }

    /// The one value that the statement gives.
    pub(crate) fn scalar(&self) -> sqlx::Result<i64> {
        self.rows.first().ok_or(sqlx::Error::RowNotFound)?.try_get(0)
    }
}

/// One of the two databases, as this process uses it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Database(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    schema: Schema,
    pool: Pool,
    unlimited_options: PgConnectOptions,
    connect_timeout: Duration,
    patience: Duration,
}

impl Database {
    /// Prepares the use of the database. Connections are opened when they are needed, so the database may come later.
    ///
    /// # Errors
    /// A setting cannot be used.
    pub fn new(settings: &Settings, schema: Schema) -> Result<Self, WrongSetting> {
        let unlimited_options = settings.connect_options()?;
        let limit = settings.statement_timeout_ms.to_string();
        let pool = Pool::new(
            schema.what(),
            unlimited_options.clone().options([("statement_timeout", limit)]),
            usize::from(settings.max_connections.get()),
            settings.connect_timeout(),
            settings.acquire_timeout(),
        );
        let connect_timeout = settings.connect_timeout();
        let patience = settings.statement_timeout() + GRACE;
        Ok(Self(Arc::new(Inner { schema, pool, unlimited_options, connect_timeout, patience })))
    }

    /// Runs a statement that may run twice: once more when its connection turns out to be broken, as all are after
    /// the database was restarted, or when it lost to another statement.
    pub(crate) async fn repeatable<'q>(&self, statement: impl Fn() -> Statement<'q>) -> PortResult<Answer> {
        match self.attempt(statement()).await? {
            Err(first) if error::breaks_connection(&first) || error::is_lost_race(&first) => {
                tracing::debug!(error = %first, "running the statement once more");
                self.attempt(statement()).await?.map_err(|second| self.meaning(second))
            }
            result => result.map_err(|failure| self.meaning(failure)),
        }
    }

    /// Runs a statement that must not run twice. Where the connection broke in the middle, nobody knows whether it
    /// took effect, and the error is `TimedOut`.
    pub(crate) async fn once(&self, statement: Statement<'_>) -> PortResult<Answer> {
        self.attempt(statement).await?.map_err(|failure| {
            if error::breaks_connection(&failure) && !error::server_answered(&failure) {
                return PortError::timed_out(self.what(), failure);
            }
            self.meaning(failure)
        })
    }

    async fn attempt(&self, statement: Statement<'_>) -> PortResult<sqlx::Result<Answer>> {
        let mut lease = self.0.pool.acquire().await?;
        let result = timeout(self.0.patience, Answer::to(statement, lease.connection()))
            .await
            .map_err(|late| PortError::timed_out(self.what(), late))?;
        self.settle(lease, &result);
        Ok(result)
    }

    fn settle<T>(&self, lease: Lease, result: &sqlx::Result<T>) {
        match result {
            Err(failure) if error::breaks_connection(failure) => self.0.pool.distrust(),
            _ => self.0.pool.release(lease),
        }
    }

    /// The numbers of connections that are open, and of those that are idle.
    pub fn connections(&self) -> (usize, usize) {
        self.0.pool.counts()
    }

    pub(crate) fn meaning(&self, error: sqlx::Error) -> PortError {
        error::meaning(self.what(), error)
    }

    pub(crate) fn what(&self) -> &'static str {
        self.0.schema.what()
    }

    pub(crate) fn schema(&self) -> Schema {
        self.0.schema
    }

    pub(crate) fn unlimited_options(&self) -> &PgConnectOptions {
        &self.0.unlimited_options
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        self.0.connect_timeout
    }
}
