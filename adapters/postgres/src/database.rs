use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keeper_ports::{PortError, PortResult};
use keeper_settings::WrongSetting;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::time::timeout;

use crate::access::Access;
use crate::connector::Connector;
use crate::error::{self, Blame};
use crate::pool::{Lease, Pool};
use crate::remedy::Login;
use crate::session::{Intent, Ownership, Session};
use crate::statement::{Answer, Statement};
use crate::{PgSettings, Schema};

/// How much longer than the statement timeout a statement is waited for: then the database is out of reach, since it
/// would have ended the statement itself.
const GRACE: Duration = Duration::from_secs(1);

/// What happens when a statement runs twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Twice {
    /// Nothing: it changes nothing.
    Reads,
    /// Nothing: it asks whether something could be changed.
    Asks,
    /// The second run leaves things as the first one did.
    Repeats,
    /// Too much: it adds, or counts what it removes.
    Adds,
}

impl Twice {
    fn changes(self) -> bool {
        matches!(self, Self::Repeats | Self::Adds)
    }

    fn intent(self) -> Intent {
        if self == Self::Reads { Intent::Read } else { Intent::Write }
    }
}

/// One of the two databases, as this process uses it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PgDatabase(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    schema: Schema,
    pool: Pool,
    connector: Arc<Connector>,
    connect_timeout: Duration,
    patience: Duration,
    migration_failure: Mutex<Option<String>>,
    /// What the last write was refused with for want of room; none since one succeeded.
    no_room: Mutex<Option<String>>,
}

impl PgDatabase {
    /// Prepares the use of the database. Connections are opened when they are needed, so the database may come later.
    ///
    /// # Errors
    /// A setting cannot be used.
    pub fn new(settings: &PgSettings, schema: Schema) -> Result<Self, WrongSetting> {
        let access = Access::new(schema.dependency(), settings)?;
        let login = Login { role: settings.user.clone(), database: settings.name.clone() };
        let connector = Arc::new(Connector::new(schema.dependency(), login, access, settings.pooler));
        let pool = Pool::new(schema.dependency(), Arc::clone(&connector), settings);
        Ok(Self(Arc::new(Inner {
            schema,
            pool,
            connector,
            connect_timeout: settings.connect_timeout(),
            patience: settings.statement_timeout() + GRACE,
            migration_failure: Mutex::default(),
            no_room: Mutex::default(),
        })))
    }

    /// Runs a statement that changes nothing.
    pub(crate) async fn read<'q>(&self, statement: impl Fn() -> Statement<'q>) -> PortResult<Answer> {
        self.run(statement, Twice::Reads).await
    }

    /// Runs a statement that changes nothing, where changes are made.
    pub(crate) async fn ask_as_writer<'q>(
        &self,
        statement: impl Fn() -> Statement<'q>,
    ) -> PortResult<Answer> {
        self.run(statement, Twice::Asks).await
    }

    /// Runs a statement that may run twice, as it leaves the same behind.
    pub(crate) async fn repeatable<'q>(&self, statement: impl Fn() -> Statement<'q>) -> PortResult<Answer> {
        self.run(statement, Twice::Repeats).await
    }

    /// Runs a statement that must be carried out once at most.
    pub(crate) async fn once<'q>(&self, statement: impl Fn() -> Statement<'q>) -> PortResult<Answer> {
        self.run(statement, Twice::Adds).await
    }

    /// Runs a statement, and once more where another connection may answer otherwise: after a restart all are broken,
    /// after a failover they lead to a server that takes no writes.
    ///
    /// `TimedOut` where nobody knows whether it was carried out.
    async fn run<'q>(&self, statement: impl Fn() -> Statement<'q>, twice: Twice) -> PortResult<Answer> {
        let first = match self.attempt(statement(), twice).await? {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        let lost = first.is_lost();
        if first.blame == Blame::Statement || (first.blame == Blame::Session && first.new_connection) {
            return Err(self.meaning(first.error));
        }
        if lost && twice == Twice::Adds {
            return Err(PortError::timed_out(self.dependency(), error::said(&first.error)));
        }
        tracing::debug!(error = %first.error, "running the statement once more");
        let (lost, second) = match self.attempt(statement(), twice).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(second)) => (lost || second.is_lost(), self.meaning(second.error)),
            Err(not_sent) => (lost, not_sent),
        };
        if lost && twice.changes() && second.is_transient() {
            return Err(PortError::timed_out(self.dependency(), second));
        }
        Err(second)
    }

    async fn attempt(&self, statement: Statement<'_>, twice: Twice) -> PortResult<Result<Answer, Failure>> {
        let mut lease = self.0.pool.acquire().await?;
        let result = timeout(self.0.patience, lease.session().run(statement, twice.intent()))
            .await
            .map_err(|late| PortError::timed_out(self.dependency(), late))?;
        if twice.changes() {
            self.notice_room(&result);
        }
        Ok(self.settle(lease, result))
    }

    /// Gives the connection back, or gives it up where it is to blame.
    fn settle(&self, mut lease: Lease, result: sqlx::Result<Answer>) -> Result<Answer, Failure> {
        let (new_connection, sent) = (lease.is_new(), lease.session().was_sent());
        let failure =
            result.map_err(|error| Failure { blame: error::blame(&error), error, new_connection, sent });
        match failure.as_ref().err().map(|failure| failure.blame) {
            Some(Blame::Connection) => self.0.pool.distrust(),
            // A session that has just begun is as good as the next one would be.
            Some(Blame::Session) if !new_connection => self.0.pool.distrust(),
            _ => self.0.pool.release(lease),
        }
        failure
    }

    /// Remembers that there was no room for a write, until one has changed something.
    fn notice_room(&self, result: &sqlx::Result<Answer>) {
        let no_room = match result {
            Ok(answer) if answer.affected > 0 => None,
            // disk_full
            Err(error) if error::code(error).as_deref() == Some("53100") => Some(error::said(error)),
            _ => return,
        };
        *self.0.no_room.lock().unwrap_or_else(PoisonError::into_inner) = no_room;
    }

    /// What the last write was refused with for want of room, unless one has succeeded since.
    pub(crate) fn no_room(&self) -> Option<String> {
        self.0.no_room.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives up the connections that nobody uses: another one may answer otherwise.
    pub(crate) fn distrust(&self) {
        self.0.pool.distrust();
    }

    /// The numbers of connections that are open, and of those that are idle.
    pub fn connections(&self) -> (usize, usize) {
        self.0.pool.counts()
    }

    pub(crate) fn meaning(&self, error: sqlx::Error) -> PortError {
        error::meaning(self.dependency(), error)
    }

    pub(crate) fn dependency(&self) -> &'static str {
        self.0.schema.dependency()
    }

    pub(crate) fn schema(&self) -> Schema {
        self.0.schema
    }

    pub(crate) fn role(&self) -> &str {
        &self.login().role
    }

    pub(crate) fn name(&self) -> &str {
        &self.login().database
    }

    pub(crate) fn login(&self) -> &Login {
        self.0.connector.login()
    }

    /// Opens a connection of its own, on which a statement may take as long as it needs.
    pub(crate) async fn open_unlimited(&self) -> PortResult<Session> {
        let dependency = self.dependency();
        timeout(self.0.connect_timeout, self.0.connector.open(0))
            .await
            .map_err(|late| PortError::unavailable(dependency, late))?
            .map_err(|error| PortError::unavailable(dependency, self.login().with_remedy(&error, "")))
    }

    /// Listens on a connection of its own. `None` behind a pooler that shares sessions: what is listened to there is heard
    /// by somebody else.
    pub(crate) async fn listener(&self, channel: &str) -> PortResult<Option<PgListener>> {
        let session = self.open_unlimited().await?;
        if session.ownership == Ownership::Shared {
            return Ok(None);
        }
        drop(session);
        let options = self.0.connector.options().await;
        let listening = async {
            let mut listener =
                PgListener::connect_with(&PgPoolOptions::new().max_connections(1).connect_lazy_with(options))
                    .await?;
            // A lost connection is for the caller to see.
            listener.eager_reconnect(false);
            listener.listen(channel).await?;
            Ok(Some(listener))
        };
        timeout(self.0.connect_timeout, listening)
            .await
            .map_err(|late| PortError::unavailable(self.dependency(), late))?
            .map_err(|error| self.meaning(error))
    }

    /// Why the schema could not be brought up to date the last time that it was tried.
    pub(crate) fn migration_failure(&self) -> Option<String> {
        self.0.migration_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_migration_failure(&self, failure: Option<String>) {
        *self.0.migration_failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }
}

/// Why an attempt failed.
struct Failure {
    error: sqlx::Error,
    blame: Blame,
    /// The connection had been opened just before.
    new_connection: bool,
    /// The statement had been sent.
    sent: bool,
}

impl Failure {
    /// Whether nobody knows what became of the statement.
    fn is_lost(&self) -> bool {
        self.blame == Blame::Connection && self.sent
    }
}
