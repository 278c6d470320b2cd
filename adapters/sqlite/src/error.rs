use keeper_ports::PortError;
use sqlx::Error;

/// What an error of a statement means to the caller.
///
/// Every condition of the store itself is `Unavailable`, a full disk and a file that is locked for long included: it
/// is put right without the call being changed, and an order that `Failed` would go to the dead letters. Codes:
/// <https://www.sqlite.org/rescode.html>.
pub(crate) fn meaning(dependency: &'static str, error: Error) -> PortError {
    match &error {
        Error::Database(_) if is_callers_fault(&error) => PortError::failed(dependency, error),
        Error::Database(_)
        | Error::Io(_)
        | Error::PoolTimedOut
        | Error::PoolClosed
        | Error::WorkerCrashed => PortError::unavailable(dependency, error),
        _ => PortError::failed(dependency, error),
    }
}

/// Says whether what was asked for is at fault, not the store: too big, a broken constraint, a wrong type.
pub(crate) fn is_callers_fault(error: &Error) -> bool {
    let code = match error {
        Error::Database(refusal) => refusal.code().and_then(|code| code.parse::<u32>().ok()),
        _ => None,
    };
    // The low byte is the primary code: TOOBIG, CONSTRAINT, MISMATCH.
    code.is_some_and(|code| matches!(code & 0xff, 18..=20))
}
