use sqlx::ConnectOptions;
use sqlx::migrate::{MigrateError, Migrator};

use crate::Database;
use keeper_ports::{PortError, PortResult};

/// Which of the two databases it is. Each has migrations of its own, so they cannot be one database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// The movie catalogue.
    Inventory,
    /// The orders.
    Billing,
}

impl Schema {
    /// The database, as an operator knows it.
    pub fn what(self) -> &'static str {
        match self {
            Self::Inventory => "inventory database",
            Self::Billing => "billing database",
        }
    }

    /// The migrations that this program was built with. Those that a newer program applied are no fault: it serves
    /// beside this one while it is rolled out.
    fn migrator(self) -> Migrator {
        let mut migrator = match self {
            Self::Inventory => sqlx::migrate!("migrations/inventory"),
            Self::Billing => sqlx::migrate!("migrations/billing"),
        };
        migrator.set_ignore_missing(true);
        migrator
    }

    /// The versions that must have been applied before this program can work.
    pub(crate) fn versions(self) -> Vec<i64> {
        self.migrator().iter().map(|migration| migration.version).collect()
    }
}

impl Database {
    /// Applies the migrations that are missing. Replicas that start at the same time wait for each other, and the
    /// statement timeout does not apply.
    ///
    /// # Errors
    /// `Unavailable` when the database is not there, `Failed` when a migration fails or was changed after it had
    /// been applied.
    pub async fn migrate(&self) -> PortResult<()> {
        let what = self.what();
        let connecting = self.unlimited_options().connect();
        let mut connection = tokio::time::timeout(self.connect_timeout(), connecting)
            .await
            .map_err(|late| PortError::unavailable(what, late))?
            .map_err(|error| PortError::unavailable(what, error))?;
        // The connection ends here, and with it the lock, also after an error.
        self.schema().migrator().run_direct(None, &mut connection, false).await.map_err(|error| match error {
            MigrateError::Execute(error) => self.meaning(error),
            error => PortError::failed(what, error),
        })
    }
}
