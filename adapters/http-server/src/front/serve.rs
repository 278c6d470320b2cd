use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rocket::error::ErrorKind;
use rocket::local::asynchronous::Client;
use rocket::{Build, Rocket};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::compression::Compressor;
use super::connections::Connections;
use super::in_flight::InFlightPermits;
use super::listener::Listener;
use super::long_answers::LongAnswers;
use super::service::Service;
use super::{FrontMetrics, HttpSettings};
use crate::HttpMetrics;

/// Why a server could not start or go on.
#[derive(Debug, Error)]
pub enum ServeError {
    /// Its address cannot be had.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address from the settings.
        address: SocketAddr,
        /// What the system says.
        cause: std::io::Error,
    },
    /// Anything else: a fault of the assembly.
    #[error("the HTTP server failed: {0}")]
    Other(String),
}

/// Serves until `stop` is cancelled and what is in flight is answered. `listening` is called once the port is open.
///
/// # Errors
/// The address cannot be had, or the server is assembled wrongly.
pub async fn serve(
    rocket: Rocket<Build>,
    stop: CancellationToken,
    listening: impl FnOnce() + Send + Sync + 'static,
) -> Result<(), ServeError> {
    let rocket = rocket.ignite().await.map_err(|error| assembly(&error))?;
    let config = rocket.config();
    let grace = Duration::from_secs(config.shutdown.grace.into());
    let usual = HttpSettings::at(config.address, config.port);
    let settings = rocket.state::<HttpSettings>().copied().unwrap_or(usual);
    let long_answers = rocket.state::<LongAnswers>().cloned();
    let long_answers = long_answers.unwrap_or_else(|| LongAnswers::of_mib(settings.long_answers_mib));
    let metrics = rocket.state::<HttpMetrics>().cloned();
    let gauges = match rocket.state::<FrontMetrics>() {
        Some(gauges) => gauges.clone(),
        None => FrontMetrics::unregistered().map_err(|error| ServeError::Other(error.to_string()))?,
    };
    let address = settings.socket();
    let listen = |cause| ServeError::Listen { address, cause };
    let socket = TcpListener::bind(address).await.map_err(listen)?;
    let rocket = Client::untracked(rocket).await.map_err(|error| assembly(&error))?;
    let most = settings.connections();
    if most < settings.max_connections {
        let wished = settings.max_connections;
        tracing::warn!(
            most,
            wished,
            "fewer connections than http.max_connections: the limit of descriptors is lower"
        );
    }
    let connections = Arc::new(Connections::new(
        most,
        settings.header_timeout(),
        settings.body_timeout(),
        gauges.connections.clone(),
    ));
    let service = Arc::new(Service {
        rocket,
        settings,
        compressor: Compressor::new(),
        permits: InFlightPermits::new(settings.max_in_flight, gauges.in_flight),
        long_answers,
        metrics,
        tasks: TaskTracker::new(),
    });
    let listener = Listener { socket, connections: Arc::clone(&connections), service: Arc::clone(&service) };
    listening();
    tokio::select! {
        () = listener.run() => {}
        () = connections.watch() => {}
        () = stop.cancelled() => {}
    }
    finish(&service, &connections, grace).await;
    // Its fairings learn of the end.
    if let Some(service) = Arc::into_inner(service) {
        service.rocket.terminate().await;
    }
    Ok(())
}

/// Lets requests in flight be answered.
async fn finish(service: &Service, connections: &Connections, grace: Duration) {
    // Handlers that wait for something do so no longer.
    service.rocket.rocket().shutdown().notify();
    connections.stop();
    service.tasks.close();
    let ended = async {
        tokio::select! {
            () = service.tasks.wait() => {}
            () = connections.watch() => {}
        }
    };
    if timeout(grace, ended).await.is_err() {
        let open = connections.abort();
        tracing::warn!(open, "some requests were not answered at the end");
    }
}

/// Reads Rocket's error, which panics when it is dropped unread.
fn assembly(error: &rocket::Error) -> ServeError {
    let kind: &ErrorKind = error.kind();
    ServeError::Other(kind.to_string())
}
