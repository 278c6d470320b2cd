use futures_util::TryStreamExt;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Either, Executor, PgConnection, Postgres};

/// A statement with its parameters.
pub(crate) type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// What a statement gives.
#[derive(Default)]
pub(crate) struct Answer {
    pub(crate) rows: Vec<PgRow>,
    pub(crate) affected: u64,
}

impl Answer {
    pub(crate) async fn to(statement: Statement<'_>, connection: &mut PgConnection) -> sqlx::Result<Self> {
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

    /// The row that the statement gives.
    pub(crate) fn row(&self) -> sqlx::Result<&PgRow> {
        self.rows.first().ok_or(sqlx::Error::RowNotFound)
    }
}

/// Why a row is not what this program writes.
pub(crate) type RowError = Box<dyn std::error::Error + Send + Sync>;
