use keeper_ports::PortError;
use sqlx::Error;

/// What has to change before the same call can succeed, as far as an error of a statement tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blame {
    /// The statement, its data or the server: another connection would answer the same.
    Statement,
    /// Another statement that ran at the same time: the same may succeed now.
    Race,
    /// The session: another one may answer otherwise. A session keeps what was true when it began: whether it may
    /// write, the settings of its role, the plans of its prepared statements.
    Session,
    /// The connection is broken, and nobody knows whether the statement was carried out.
    Connection,
}

/// Says what is to blame. Codes: PostgreSQL documentation, appendix A.
///
/// Blaming a session that is innocent costs a new connection; keeping one that is guilty costs every call that it
/// serves until it is old. So all that is not known to be the statement's fault is the session's.
pub(crate) fn blame(error: &Error) -> Blame {
    match error {
        Error::Database(refusal) => refusal.code().map_or(Blame::Connection, |code| blame_code(&code)),
        Error::Io(_) | Error::Tls(_) | Error::Protocol(_) => Blame::Connection,
        _ => Blame::Statement,
    }
}

fn blame_code(code: &str) -> Blame {
    match code {
        // query_canceled, by the statement timeout.
        "57014" => Blame::Statement,
        // out_of_memory, of one backend; configuration_limit_exceeded, as of temp_file_limit.
        "53200" | "53400" => Blame::Session,
        // 08: connection exceptions, also a pooler's that lost its server. 57P: the server ends its sessions, perhaps
        // just after a commit.
        _ if code.starts_with("08") || code.starts_with("57P") => Blame::Connection,
        // Deadlock, serialization failure.
        _ if code.starts_with("40") => Blame::Race,
        // Data exceptions, broken constraints, a full disk.
        _ if ["22", "23", "53"].iter().any(|class| code.starts_with(class)) => Blame::Statement,
        _ => Blame::Session,
    }
}

/// What an error of a statement means to the caller.
///
/// Every condition of the server itself is `Unavailable`, a full disk and a table that is missing included: it is put
/// right without the call being changed, and an order that `Failed` would go to the dead letters.
pub(crate) fn meaning(dependency: &'static str, error: Error) -> PortError {
    match &error {
        Error::Database(refusal) => match refusal.code().as_deref() {
            Some("57014") => PortError::timed_out(dependency, said(&error)),
            // What was asked for is at fault.
            Some(code) if code.starts_with("22") || code.starts_with("23") => {
                PortError::failed(dependency, said(&error))
            }
            _ => PortError::unavailable(dependency, said(&error)),
        },
        Error::Io(_) | Error::Tls(_) | Error::PoolTimedOut | Error::PoolClosed | Error::Protocol(_) => {
            PortError::unavailable(dependency, error)
        }
        _ => PortError::failed(dependency, error),
    }
}

/// What PgBouncer says to any transaction where its `pool_mode` is `statement`.
const NO_TRANSACTIONS: &str = "transaction blocks not allowed";

/// What the server said, with its advice. sqlx adds the line of the server's own source, which helps nobody here.
pub(crate) fn said(error: &Error) -> String {
    let Error::Database(refusal) = error else { return error.to_string() };
    if refusal.message().contains(NO_TRANSACTIONS) {
        let message = refusal.message();
        return format!(
            "{message}: set pool_mode = transaction or pool_mode = session in PgBouncer, statement does not work"
        );
    }
    let hint =
        refusal.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().and_then(|refusal| refusal.hint());
    match hint {
        Some(hint) => format!("{} ({hint})", refusal.message()),
        None => refusal.message().to_owned(),
    }
}

/// The code of what the server said, if it said something.
pub(crate) fn code(error: &Error) -> Option<String> {
    error.as_database_error()?.code().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_blamed_for_what_another_one_may_not_have() {
        for (code, blamed) in [
            ("25006", Blame::Session),    // read_only_sql_transaction
            ("25P02", Blame::Session),    // in_failed_sql_transaction
            ("26000", Blame::Session),    // a prepared statement is not there
            ("42P05", Blame::Session),    // a prepared statement is there already
            ("0A000", Blame::Session),    // cached plan must not change result type
            ("42P01", Blame::Session),    // no such table: the search path may be another by now
            ("42501", Blame::Session),    // the role may have been given the right by now
            ("XX000", Blame::Session),    // internal error
            ("53200", Blame::Session),    // a backend is out of memory
            ("53400", Blame::Session),    // a limit of the role's settings
            ("55P03", Blame::Session),    // the lock timeout: this session was given one
            ("22021", Blame::Statement),  // character not in repertoire
            ("23505", Blame::Statement),  // unique violation
            ("53100", Blame::Statement),  // disk full
            ("57014", Blame::Statement),  // the statement timeout
            ("40P01", Blame::Race),       // deadlock
            ("57P01", Blame::Connection), // the server stops
            ("08P01", Blame::Connection), // a pooler lost its server
        ] {
            assert_eq!(blame_code(code), blamed, "{code}");
        }
    }
}
