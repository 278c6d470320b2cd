use std::sync::Arc;
use std::time::Duration;

use keeper_http_server::{Readiness, WatchedDependency};
use tokio_util::sync::CancellationToken;

/// How often a dependency is asked, and how often until it has answered once.
const PERIOD: Duration = Duration::from_secs(2);
const FIRST_PERIOD: Duration = Duration::from_millis(200);

/// The longest time that an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Asks each dependency from time to time, until `stop`. Logs that one went away or came back, where nobody else does, and
/// once for each cause why it is away.
pub(crate) async fn run(readiness: Readiness, stop: CancellationToken) {
    let watches: Vec<_> =
        readiness.dependencies().map(|watched| tokio::spawn(watch(watched, stop.clone()))).collect();
    for watch in watches {
        // One that panicked leaves its dependency as it was last known.
        let _ = watch.await;
    }
    stop.cancelled().await;
}

async fn watch(watched: Arc<WatchedDependency>, stop: CancellationToken) {
    // The cause that was logged last, while the dependency is away.
    let mut logged: Option<String> = None;
    loop {
        let outcome = match tokio::time::timeout(ANSWER_TIMEOUT, watched.probe().check()).await {
            Ok(answer) => answer.map_err(|error| error.chain()),
            Err(_) => Err("no answer".to_owned()),
        };
        if !watched.probe().is_logged() {
            log(watched.probe().name(), &mut logged, outcome.as_ref().err());
        }
        watched.record(outcome);
        let pause = if watched.has_answered() { PERIOD } else { FIRST_PERIOD };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

fn log(dependency: &str, logged: &mut Option<String>, failure: Option<&String>) {
    match failure {
        Some(cause) if logged.as_ref() != Some(cause) => {
            tracing::warn!(dependency, cause, "waiting for a dependency");
        }
        None if logged.is_some() => tracing::info!(dependency, "the dependency is there"),
        _ => {}
    }
    *logged = failure.cloned();
}
