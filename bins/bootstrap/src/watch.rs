use std::sync::Arc;
use std::time::Duration;

use keeper_http_server::management::Dependencies;
use keeper_ports::Probe;
use tokio_util::sync::CancellationToken;

/// How often a dependency is looked at.
const PERIOD: Duration = Duration::from_secs(2);
/// The longest time that a look may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Logs that a dependency went away or came back, where nobody else does, and once for each cause why it is away.
pub(crate) async fn report(dependencies: Dependencies, stop: CancellationToken) {
    let probes =
        dependencies.required.into_iter().chain(dependencies.helpful).filter(|probe| !probe.is_logged());
    let looks = probes.map(|probe| tokio::spawn(watch(probe, stop.clone()))).collect::<Vec<_>>();
    for look in looks {
        let _ = look.await;
    }
    stop.cancelled().await;
}

async fn watch(probe: Arc<dyn Probe>, stop: CancellationToken) {
    let dependency = probe.name();
    // The cause that was logged last, while the dependency is away.
    let mut away: Option<String> = None;
    loop {
        let trouble = match tokio::time::timeout(PATIENCE, probe.check()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.chain()),
            Err(_) => Some("no answer".to_owned()),
        };
        match (&away, &trouble) {
            (known, Some(cause)) if known.as_ref() != Some(cause) => {
                tracing::warn!(dependency, cause, "waiting for a dependency");
            }
            (Some(_), None) => tracing::info!(dependency, "the dependency is there"),
            _ => {}
        }
        away = trouble;
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}
