use std::error::Error;

use keeper_ports::{PortError, PortResult, chain};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Connection, Executor, PgConnection};

use crate::PgDatabase;
use crate::error::{self, Blame};
use crate::server::Server;
use crate::session::{Intent, Ownership, Session};

impl PgDatabase {
    /// Applies the migrations that are missing. Replicas that start at the same time wait for each other, and the
    /// statement timeout does not apply.
    ///
    /// # Errors
    /// `Unavailable` when the database is not there, `Failed` when it cannot hold the schema, refuses a migration, or
    /// has another schema already. The cause names what to do, where that is known.
    pub async fn migrate(&self) -> PortResult<()> {
        let result = self.apply_migrations().await;
        self.set_migration_failure(result.as_ref().err().and_then(Error::source).map(chain));
        result
    }

    async fn apply_migrations(&self) -> PortResult<()> {
        let mut session = self.open_unlimited().await?;
        let server = Server::read(&mut session).await.map_err(|error| self.meaning(error))?;
        server.check(self)?;
        let applied = match session.ownership {
            // The connection ends here, and with it the lock, also after an error.
            Ownership::Ours => {
                self.schema().migrator().run_direct(None, &mut session.connection, false).await
            }
            Ownership::Shared => migrate_in_transaction(&mut session, self.schema().migrator()).await,
        };
        applied.map_err(|error| self.refused(error, server.search_path()))
    }

    fn refused(&self, error: MigrateError, search_path: &str) -> PortError {
        let dependency = self.dependency();
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                match error::blame(&error) {
                    Blame::Connection | Blame::Race => {
                        PortError::unavailable(dependency, error::said(&error))
                    }
                    Blame::Statement | Blame::Session => {
                        PortError::failed(dependency, self.login().with_remedy(&error, search_path))
                    }
                }
            }
            MigrateError::VersionMismatch(_) => PortError::failed(dependency, self.belongs_to_another()),
            error => PortError::failed(dependency, error),
        }
    }

    pub(crate) fn belongs_to_another(&self) -> String {
        let (name, unit) = (self.name(), self.schema().unit());
        format!(
            "the database \"{name}\" holds other tables than those of {unit}: give {unit} a database of its own"
        )
    }
}

/// A session that is shared keeps neither the lock nor a statement beyond a transaction: all of it is one.
async fn migrate_in_transaction(session: &mut Session, mut migrator: Migrator) -> Result<(), MigrateError> {
    migrator.set_locking(false);
    let begin = sqlx::AssertSqlSafe(session.begin(Intent::Write));
    let mut transaction = session.connection.begin_with(begin).await?;
    // The name of the lock is this program's own. Statements that others left behind have the names of those to come.
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended('code-keeper migrations', 0)); DEALLOCATE ALL";
    transaction.execute(sqlx::raw_sql(lock)).await?;
    let connection: &mut PgConnection = &mut transaction;
    migrator.run_direct(None, connection, false).await?;
    transaction.execute(sqlx::raw_sql("DEALLOCATE ALL")).await?;
    transaction.commit().await?;
    Ok(())
}
