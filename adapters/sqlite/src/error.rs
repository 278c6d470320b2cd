use keeper_ports::PortError;
use sqlx::Error;

/// What an error of a statement means to the caller.
///
/// Every condition of the store itself is `Unavailable`, a full disk and a file that is locked for long included: it
/// is put right without the call being changed, and an order that `Failed` would go to the dead letters. Codes:
/// <https://www.sqlite.org/rescode.html>.
pub(crate) fn meaning(dependency: &'static str, error: Error) -> PortError {
    if is_of_the_store(&error) {
        PortError::unavailable(dependency, error)
    } else {
        PortError::failed(dependency, error)
    }
}

/// Says whether the store is at fault, whatever it is asked for.
pub(crate) fn is_of_the_store(error: &Error) -> bool {
    match error {
        Error::Database(_) => !is_callers_fault(error),
        Error::Io(_) | Error::PoolTimedOut | Error::PoolClosed | Error::WorkerCrashed => true,
        _ => false,
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
