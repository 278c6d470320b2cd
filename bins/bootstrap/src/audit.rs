//! Audit lines of commands, as the API writes them of its callers.

use keeper_ports::PortError;

/// How a command is told from a call.
pub const BY_COMMAND: &str = "command";

/// Who runs the command: the number of the system's user, which no variable changes.
pub fn operator() -> String {
    format!("uid {}", rustix::process::getuid().as_raw())
}

/// Writes down what came of a change by a command: of how many things, or why of none.
pub(crate) fn changed(action: &str, object: Option<&str>, reason: &str, outcome: Result<u64, &PortError>) {
    let count = outcome.ok();
    let outcome = outcome.map_or_else(PortError::outcome, |_| "done");
    // Fields without a value are left out.
    tracing::info!(
        target: "audit",
        action,
        outcome,
        reason,
        count,
        caller = operator(),
        via = BY_COMMAND,
        object,
        "audit"
    );
}
