use keeper_ports::PortError;
use sqlx::Error;

/// What an error of a statement means to the caller.
///
/// Every condition of the server itself is `Unavailable`, a full disk and a table that is missing included: it is put
/// right without the call being changed, and an order that `Failed` would go to the dead letters. Codes: PostgreSQL
/// documentation, appendix A.
pub(crate) fn meaning(what: &'static str, error: Error) -> PortError {
    match &error {
        Error::Database(refusal) => match refusal.code().as_deref() {
            // query_canceled: by the statement timeout.
            Some("57014") => PortError::timed_out(what, error),
            // Data exceptions and broken constraints: what was asked for is at fault.
            Some(code) if code.starts_with("22") || code.starts_with("23") => PortError::failed(what, error),
            _ => PortError::unavailable(what, error),
        },
        Error::Io(_) | Error::Tls(_) | Error::PoolTimedOut | Error::PoolClosed | Error::Protocol(_) => {
            PortError::unavailable(what, error)
        }
        _ => PortError::failed(what, error),
    }
}

/// Says whether the connection is of no use after this error.
pub(crate) fn breaks_connection(error: &Error) -> bool {
    match error {
        // Class 57P: the server is shutting down or starting; class 08: connection exceptions.
        Error::Database(refusal) => {
            refusal.code().is_none_or(|code| code.starts_with("57P") || code.starts_with("08"))
        }
        Error::Io(_) | Error::Tls(_) | Error::Protocol(_) => true,
        _ => false,
    }
}

/// Says whether the statement was certainly not carried out: the server said so itself.
pub(crate) fn server_answered(error: &Error) -> bool {
    matches!(error, Error::Database(_))
}

/// Says whether the statement lost to another one and would probably succeed when it is repeated.
pub(crate) fn is_lost_race(error: &Error) -> bool {
    // Class 40: deadlock, serialization failure.
    matches!(error, Error::Database(refusal) if refusal.code().is_some_and(|code| code.starts_with("40")))
}
