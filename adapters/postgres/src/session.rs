use sqlx::{Connection, Executor, PgConnection};

use crate::error;
use crate::statement::{Answer, Statement};

/// What a client may leave in a session and would change what statements mean, or end them. Poolers keep apart what clients set at
/// their start, as the encoding and the time zone.
const LEFT_BEHIND: [&str; 6] = [
    "role",
    "search_path",
    "row_security",
    "synchronous_commit",
    "default_tablespace",
    "idle_in_transaction_session_timeout",
];

/// What ends statements, or has searches miss rows, whoever has set it. Last, so that another client's temporary table is not
/// taken for ours: unless it is named, their schema is the first of every search path.
const FIXED: &str = "; SET LOCAL lock_timeout = 0; SET LOCAL gin_fuzzy_search_limit = 0; SELECT set_config('search_path', \
     concat_ws(', ', nullif(current_setting('search_path'), ''), 'pg_temp'), true)";

/// Whose the server's session behind a connection is.
///
/// A pooler that shares sessions (PgBouncer in transaction mode, RDS Proxy) hands each transaction of a connection to
/// any session. What a session keeps between two transactions is then somebody else's: prepared statements above all,
/// whose names are the same on every connection, so that a call would carry out another one's statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// It is ours alone for as long as the connection lives.
    Ours,
    /// It may serve another connection between two transactions, so nothing is kept in it.
    Shared,
}

/// A connection, and whose the session behind it is.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) connection: PgConnection,
    pub(crate) ownership: Ownership,
    /// What makes a transaction on a shared session one's own.
    settings: String,
    /// Whether the statement of the last run was sent. If not, it was not carried out, whatever broke.
    sent: bool,
}

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intent {
    /// It changes nothing.
    Read,
    /// It changes something, or asks whether something could be changed.
    Write,
}

impl Session {
    /// A session of one's own.
    pub(crate) fn ours(connection: PgConnection) -> Self {
        Self { connection, ownership: Ownership::Ours, settings: String::new(), sent: false }
    }

    /// A session that others use too. What another client may have left in it is set back for each transaction.
    pub(crate) fn shared(connection: PgConnection, limit_ms: u32) -> Self {
        let mut settings = format!("SET LOCAL statement_timeout = {limit_ms}");
        let newer = connection.server_version_num().is_some_and(|version| version >= 170_000);
        for name in LEFT_BEHIND.iter().chain(newer.then_some(&"transaction_timeout")) {
            settings.push_str("; SET LOCAL ");
            settings.push_str(name);
            settings.push_str(" TO DEFAULT");
        }
        settings.push_str(FIXED);
        Self { connection, ownership: Ownership::Shared, settings, sent: false }
    }

    /// Runs a statement, which is a transaction of its own.
    pub(crate) async fn run(&mut self, statement: Statement<'_>, intent: Intent) -> sqlx::Result<Answer> {
        match self.ownership {
            Ownership::Ours => {
                self.sent = true;
                Answer::to(statement, &mut self.connection).await
            }
            Ownership::Shared => self.run_in_transaction(statement, intent).await,
        }
    }

    /// Whether the statement of the last run may have been carried out.
    pub(crate) fn was_sent(&self) -> bool {
        self.sent
    }

    /// What begins a transaction on a shared session. Without the isolation and the right to write in it, both would be those
    /// that another client left.
    pub(crate) fn begin(&self, intent: Intent) -> String {
        // A standby refuses it.
        let write = if intent == Intent::Write { " READ WRITE" } else { "" };
        format!("BEGIN ISOLATION LEVEL READ COMMITTED{write}; {}", self.settings)
    }

    /// sqlx sends a statement in two steps, also one that is not kept. A transaction around them keeps them together.
    async fn run_in_transaction(&mut self, statement: Statement<'_>, intent: Intent) -> sqlx::Result<Answer> {
        self.sent = false;
        let begin = self.begin(intent);
        let connection = &mut self.connection;
        connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(begin))).await?;
        self.sent = true;
        match Answer::to(statement.persistent(false), connection).await {
            Ok(answer) => connection.execute(sqlx::raw_sql("COMMIT")).await.map(|_| answer),
            Err(error) => {
                if error::blame(&error) != error::Blame::Connection {
                    connection.execute(sqlx::raw_sql("ROLLBACK")).await?;
                }
                Err(error)
            }
        }
    }
}

/// Asks for a sign of life.
pub(crate) async fn ping(session: &mut Session) -> sqlx::Result<()> {
    session.connection.ping().await
}
