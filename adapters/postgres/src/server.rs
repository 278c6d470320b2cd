use keeper_ports::{PortError, PortResult};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::session::{Intent, Session};
use crate::{PgDatabase, Schema};

/// What is asked of the server itself. Settings are read as they are for this session.
const QUESTION: &str = "SELECT current_setting('server_version_num'), current_setting('server_encoding'), \
     current_setting('transaction_read_only'), current_setting('synchronous_commit'), \
     current_setting('search_path'), current_setting('fsync')";

/// The oldest version that the tests run on, as PostgreSQL counts (`server_version_num`).
const OLDEST: u32 = 150_000;

/// What a server must be like before it is used.
#[derive(Debug)]
pub(crate) struct Server {
    version: u32,
    encoding: String,
    read_only: bool,
    synchronous_commit: String,
    search_path: String,
    fsync: bool,
}

impl Server {
    /// Asks it on this connection.
    pub(crate) async fn read(session: &mut Session) -> sqlx::Result<Self> {
        Self::of(session.run(sqlx::query(QUESTION), Intent::Write).await?.row()?)
    }

    /// Asks it on one of the connections that calls use.
    pub(crate) async fn ask(database: &PgDatabase) -> PortResult<Self> {
        let answer = database.ask_as_writer(|| sqlx::query(QUESTION)).await?;
        answer.row().and_then(Self::of).map_err(|error| database.meaning(error))
    }

    fn of(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            version: row.try_get::<&str, _>(0)?.parse().unwrap_or_default(),
            encoding: row.try_get(1)?,
            read_only: row.try_get::<&str, _>(2)? == "on",
            synchronous_commit: row.try_get(3)?,
            search_path: row.try_get(4)?,
            fsync: row.try_get::<&str, _>(5)? == "on",
        })
    }

    /// Says what is wrong with it, if anything is.
    ///
    /// # Errors
    /// `Failed` where nothing but an operator changes it, `Unavailable` where it takes no writes at the moment.
    pub(crate) fn check(&self, database: &PgDatabase) -> PortResult<()> {
        let failed = |why: String| Err(PortError::failed(database.dependency(), why));
        let name = database.name();
        if self.version < OLDEST {
            return failed(format!(
                "PostgreSQL 15 or newer is needed, the server is {}",
                self.version / 10_000
            ));
        }
        if self.encoding != "UTF8" {
            return failed(format!(
                "the database \"{name}\" has the encoding {}, which cannot hold every text: create it with \
                 ENCODING 'UTF8' TEMPLATE template0",
                self.encoding
            ));
        }
        // Orders are acknowledged to the broker when they are committed.
        if database.schema() == Schema::Billing && self.synchronous_commit == "off" {
            return failed(format!(
                "synchronous_commit is off for the role \"{}\": a recorded order could be lost when the server crashes",
                database.role()
            ));
        }
        if self.read_only {
            let why = "the server takes no writes: it is a standby, or default_transaction_read_only is on";
            return Err(PortError::unavailable(database.dependency(), why));
        }
        Ok(())
    }

    /// Whether a crash of the machine leaves what was committed, as far as the unit promises it. Test servers go without.
    pub(crate) fn keeps_what_it_commits(&self, database: &PgDatabase) -> bool {
        self.fsync || database.schema() != Schema::Billing
    }

    /// Where the session looks for tables.
    pub(crate) fn search_path(&self) -> &str {
        &self.search_path
    }

    /// Whether it takes no writes on this connection; on another it may.
    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PgSettings, Pooler, Tls};

    fn database(schema: Schema) -> PgDatabase {
        let settings = PgSettings {
            host: "localhost".into(),
            port: 5432,
            name: "orders".into(),
            user: "app".into(),
            password: "".into(),
            password_file: String::new(),
            tls: Tls::Disable,
            tls_ca: String::new(),
            pooler: Pooler::Detect,
            max_connections: std::num::NonZeroU16::MIN,
            migrate: false,
            connect_timeout_ms: 1,
            acquire_timeout_ms: 1,
            statement_timeout_ms: 1,
        };
        PgDatabase::new(&settings, schema).unwrap()
    }

    fn server() -> Server {
        Server {
            version: OLDEST,
            encoding: "UTF8".to_owned(),
            read_only: false,
            synchronous_commit: "on".to_owned(),
            search_path: "public".to_owned(),
            fsync: true,
        }
    }

    #[test]
    fn a_server_that_cannot_serve_is_refused_with_what_it_lacks() {
        let (inventory, billing) = (database(Schema::Inventory), database(Schema::Billing));
        let told = |server: Server, database: &PgDatabase| {
            server.check(database).err().map_or_else(String::new, |error| error.chain())
        };
        assert_eq!(told(server(), &billing), "");
        // PostgreSQL 14.19, and what could not be read at all.
        for (version, named) in [(140_019, "the server is 14"), (0, "the server is 0")] {
            for database in [&inventory, &billing] {
                let told = told(Server { version, ..server() }, database);
                assert!(told.contains("PostgreSQL 15 or newer is needed") && told.contains(named), "{told}");
            }
        }
        let careless = || Server { synchronous_commit: "off".to_owned(), ..server() };
        assert!(told(careless(), &billing).contains("synchronous_commit is off"));
        assert_eq!(told(careless(), &inventory), "");
        assert!(!Server { fsync: false, ..server() }.keeps_what_it_commits(&billing));
        assert!(Server { fsync: false, ..server() }.keeps_what_it_commits(&inventory));
    }
}
