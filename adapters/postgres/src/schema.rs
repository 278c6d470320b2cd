use sqlx::migrate::{Migration, Migrator};

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
    pub fn dependency(self) -> &'static str {
        match self {
            Self::Inventory => "inventory database",
            Self::Billing => "billing database",
        }
    }

    /// The unit that the database belongs to.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Inventory => "inventory",
            Self::Billing => "billing",
        }
    }

    /// The migrations that this program was built with. Those that a newer program applied are no fault: it serves
    /// beside this one while it is rolled out.
    pub(crate) fn migrator(self) -> Migrator {
        let mut migrator = match self {
            Self::Inventory => sqlx::migrate!("migrations/inventory"),
            Self::Billing => sqlx::migrate!("migrations/billing"),
        };
        migrator.set_ignore_missing(true);
        migrator
    }

    /// What must have been applied before this program can work: version and checksum of each migration. The checksum
    /// tells this schema from another one, whose migrations have the same numbers.
    pub(crate) fn migrations(self) -> Vec<(i64, Vec<u8>)> {
        let pair = |migration: &Migration| (migration.version, migration.checksum.to_vec());
        self.migrator().iter().map(pair).collect()
    }
}
