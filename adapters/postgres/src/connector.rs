use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Executor, Row};
use uuid::{NoContext, Timestamp, Uuid};

use crate::Pooler;
use crate::access::Access;
use crate::error;
use crate::remedy::Login;
use crate::session::Session;

/// A setting that the server does not know, given to a session as it starts, to tell it from all others.
const MARK: &str = "keeper.session";

/// Opens the connections of this process to one database.
#[derive(Debug)]
pub(crate) struct Connector {
    dependency: &'static str,
    login: Login,
    access: Access,
    /// A pooler was found, or the settings say so: nothing is asked of a session's start any more.
    pooled: AtomicBool,
}

impl Connector {
    pub(crate) fn new(dependency: &'static str, login: Login, access: Access, pooler: Pooler) -> Self {
        Self { dependency, login, access, pooled: AtomicBool::new(pooler == Pooler::Transaction) }
    }

    /// Who connects, and where.
    pub(crate) fn login(&self) -> &Login {
        &self.login
    }

    /// How a connection is opened now.
    pub(crate) async fn options(&self) -> PgConnectOptions {
        self.access.options().await
    }

    /// Opens a connection on which a statement may run for so many milliseconds, 0 for no limit. A login that is refused
    /// is tried once more, since the password may have been rotated just now.
    pub(crate) async fn open(&self, limit_ms: u32) -> sqlx::Result<Session> {
        // On the heap: the future of a login has many kilobytes, and callers move theirs about.
        match Box::pin(self.open_with(self.access.options().await, limit_ms)).await {
            Err(refused) if refuses_login(&refused) && self.access.has_files() => {
                Box::pin(self.open_with(self.access.options().await, limit_ms)).await
            }
            opened => opened,
        }
    }

    /// A session is ours if it knows the mark that this very connection was started with: a pooler refuses start-up
    /// options, drops them, or has started its sessions with others.
    async fn open_with(&self, options: PgConnectOptions, limit_ms: u32) -> sqlx::Result<Session> {
        if self.pooled.load(Ordering::Relaxed) {
            return Ok(Session::shared(options.connect().await?, limit_ms));
        }
        // Its random part: a clock may not be set.
        let mark = Uuid::new_v7(Timestamp::from_unix(NoContext, 0, 0)).simple().to_string();
        // What the role or the database sets otherwise would be kept for as long as the session, and end its statements.
        let marked = [
            (MARK, mark.as_str()),
            ("statement_timeout", &limit_ms.to_string()),
            ("lock_timeout", "0"),
            ("default_transaction_isolation", "read committed"),
            ("gin_fuzzy_search_limit", "0"),
        ];
        match options.clone().options(marked).connect().await {
            Ok(mut connection) => {
                if is_marked(&mut connection, &mark).await? {
                    return Ok(Session::ours(connection));
                }
                self.pooler_found("it drops start-up options");
                Ok(Session::shared(connection, limit_ms))
            }
            Err(refused) if refuses_options(&refused) => {
                let connection = options.connect().await?;
                self.pooler_found(&error::said(&refused));
                Ok(Session::shared(connection, limit_ms))
            }
            Err(error) => Err(error),
        }
    }

    fn pooler_found(&self, why: &str) {
        if !self.pooled.swap(true, Ordering::Relaxed) {
            let dependency = self.dependency;
            tracing::warn!(
                dependency,
                why,
                "the database is behind a pooler: each call is a transaction, and no prepared statement is kept; \
                 database.pooler = \"transaction\" says so from the start"
            );
        }
    }
}

/// Not by a prepared statement: whether one is safe is what is asked.
async fn is_marked(connection: &mut sqlx::PgConnection, mark: &str) -> sqlx::Result<bool> {
    let row = connection.fetch_one(sqlx::raw_sql("SELECT current_setting('keeper.session', true)")).await?;
    Ok(row.try_get::<Option<String>, _>(0)?.as_deref() == Some(mark))
}

/// PgBouncer says 08P01 (protocol violation), RDS Proxy 0A000 (feature not supported).
fn refuses_options(error: &sqlx::Error) -> bool {
    error::code(error).is_some_and(|code| code == "08P01" || code == "0A000")
}

/// Class 28: the password is wrong, or the role may not log in.
fn refuses_login(error: &sqlx::Error) -> bool {
    error::code(error).is_some_and(|code| code.starts_with("28"))
}
