use std::future::Future;
use std::time::Duration;

use keeper_ports::PortResult;
use tokio_util::sync::CancellationToken;

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// The task that brings a schema up to date when its database comes, if `wanted`, and then waits for `stop`.
///
/// The unit's probe reports what is missing meanwhile; here only what will not get better by itself is logged, once.
pub async fn migrate_when_there<F>(wanted: bool, migrate: impl Fn() -> F + Send, stop: CancellationToken)
where
    F: Future<Output = PortResult<()>> + Send,
{
    let mut reported = String::new();
    while wanted && !stop.is_cancelled() {
        match migrate().await {
            Ok(()) => break,
            Err(error) if !error.is_transient() && error.chain() != reported => {
                reported = error.chain();
                tracing::error!(cause = reported, "the schema cannot be brought up to date; trying again");
            }
            Err(_) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
    stop.cancelled().await;
}
