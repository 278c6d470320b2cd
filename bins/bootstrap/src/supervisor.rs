use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use keeper_http_server::{Readiness, ServeError, farewell, management, serve};
use prometheus::Registry;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::config::{LogFormat, UnitConfig};
use crate::log_writer::{LogWriter, within_patience};
use crate::output::say;
use crate::unit::{Context, Parts, Unit};
use crate::{StartError, Stop, traces, watch};

/// How long the background tasks may take to finish what they have in hand, and to close their connections. Billing's
/// consumer takes the longest: up to 17 s, when neither database nor broker answers.
const TASK_GRACE: Duration = Duration::from_secs(20);

/// How long clients have to leave by themselves.
const FAREWELL: Duration = Duration::from_millis(500);

/// Runs a unit until a signal, or until one of its parts ends.
pub(crate) async fn run<U: Unit>(
    settings: U::Settings,
    common: &UnitConfig,
    log: Arc<LogWriter>,
) -> Result<(), StartError> {
    let stop = Stop::default();
    let context = Context::new(U::NAME, common.http, stop.clone())?;
    log.register(&context.registry)?;
    let traces = traces::start(&common.telemetry, U::NAME, &context.registry)?;
    if clock::now() < DateTime::UNIX_EPOCH {
        tracing::error!("the system's clock is before 1970: nothing can be answered until it is set");
    }
    stop_on_signal(stop.clone(), log)?;
    let parts = U::assemble(settings, &context).await?;
    let mut running = Running::start(parts, common, context.registry, stop)?;
    let ended = running.first_end().await;
    running.wind_down().await;
    if let Some(traces) = traces {
        traces.finish().await;
    }
    if ended.is_ok() {
        tracing::info!("stopped");
    }
    ended
}

/// The parts of a unit that runs.
struct Running {
    api: JoinHandle<Result<(), ServeError>>,
    management: JoinHandle<Result<(), ServeError>>,
    background: JoinSet<()>,
    stop: Stop,
    stop_management: CancellationToken,
}

impl Running {
    fn start(parts: Parts, common: &UnitConfig, registry: Registry, stop: Stop) -> Result<Self, StartError> {
        let Parts { api, dependencies, tasks, greeting } = parts;
        let readiness = Readiness::new(dependencies, &registry)?;
        let mut background = JoinSet::new();
        background.spawn(watch::run(readiness.clone(), stop.tasks.clone()));
        for task in tasks {
            background.spawn(task);
        }
        let management = management::server(common.management, readiness, registry, stop.leaving.clone());
        // A person reads text; a container's log is JSON, line by line.
        let greeting = greeting.filter(|_| common.log.format == LogFormat::Text);
        let address = common.http.socket();
        let (listening, listens) = oneshot::channel();
        let api = api.attach(farewell(stop.leaving.clone()));
        let api = tokio::spawn(serve(api, stop.accepting.clone(), move || {
            tracing::info!(%address, "listening");
            if let Some(greeting) = greeting {
                // Nobody has to read it.
                within_patience(move || drop(say(greeting)));
            }
            let _ = listening.send(());
        }));
        let stop_management = CancellationToken::new();
        let until = stop_management.clone();
        let management = tokio::spawn(async move {
            // Not before the API listens: requests come as soon as the unit says that it is ready.
            if listens.await.is_err() {
                until.cancelled().await;
            }
            serve(management, until, || {}).await
        });
        Ok(Self { api, management, background, stop, stop_management })
    }

    /// Waits until a part ends: well, when the API was told to stop; any other end is a failure.
    async fn first_end(&mut self) -> Result<(), StartError> {
        tokio::select! {
            ended = &mut self.api => {
                ended.map_err(StartError::part).and_then(|served| served.map_err(StartError::part))
            }
            ended = &mut self.management => match ended {
                Ok(Err(error)) => Err(StartError::part(error)),
                _ => Err(StartError::Part("the management server ended by itself".into())),
            },
            Some(_) = self.background.join_next() => {
                Err(StartError::Part("a background task ended by itself".into()))
            }
        }
    }

    /// Whichever part ended, the others finish what they have in hand: first the API, last what tells how the unit is.
    async fn wind_down(mut self) {
        self.stop.leaving.cancel();
        self.stop.accepting.cancel();
        if !self.api.is_finished() {
            let _ = self.api.await;
        }
        self.stop.tasks.cancel();
        let finished = timeout(TASK_GRACE, async { while self.background.join_next().await.is_some() {} });
        if finished.await.is_err() {
            tracing::warn!("background tasks did not end within {} s", TASK_GRACE.as_secs());
        }
        self.stop_management.cancel();
        if !self.management.is_finished() {
            let _ = self.management.await;
        }
    }
}

fn stop_on_signal(stop: Stop, log: Arc<LogWriter>) -> Result<(), StartError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::part)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::part)?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
            _ = interrupt.recv() => tracing::info!("interrupted: stopping"),
        }
        stop.leaving.cancel();
        let farewell = async {
            tokio::time::sleep(FAREWELL).await;
            stop.accepting.cancel();
            std::future::pending::<()>().await;
        };
        // As a shell reports the end by a signal: 128 and its number.
        let status = tokio::select! {
            () = farewell => return,
            _ = terminate.recv() => 128 + 15,
            _ = interrupt.recv() => 128 + 2,
        };
        tracing::warn!("a second signal: ending at once");
        log.finish();
        end_at_once(status);
    });
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "nothing is to be waited for, nor dropped")]
fn end_at_once(status: i32) -> ! {
    std::process::exit(status)
}
