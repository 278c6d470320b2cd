use std::net::{IpAddr, SocketAddr};

use rocket::config::{LogLevel, Shutdown};
use rocket::error::ErrorKind;
use rocket::fairing::{AdHoc, Fairing};
use rocket::http::Header;
use rocket::shield::{Permission, Shield};
use rocket::{Build, Config, Rocket};
use serde::Deserialize;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::{HttpMetrics, catchers};

/// Where a server listens.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSettings {
    /// The address to listen on: loopback for this machine only, `0.0.0.0` for all networks.
    pub address: IpAddr,
    /// The TCP port.
    pub port: u16,
}

impl HttpSettings {
    /// The address and the port.
    pub fn socket(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }
}

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

/// How long requests in flight have at a stop, in seconds.
const API_GRACE: u32 = 20;

/// An HTTP server with JSON errors and graceful shutdown, and nothing mounted.
pub(crate) fn bare(settings: HttpSettings, grace: u32) -> Rocket<Build> {
    let config = Config {
        address: settings.address,
        port: settings.port,
        // Longer than a load balancer keeps its connections (60 s on AWS), so that it never uses one that just went.
        keep_alive: 75,
        log_level: LogLevel::Off,
        cli_colors: false,
        ident: rocket::config::Ident::none(),
        // Signals are the supervisor's. In-flight requests have `grace` seconds; a container has its own, longer deadline.
        shutdown: Shutdown {
            ctrlc: false,
            signals: [].into(),
            grace,
            mercy: 2,
            force: false,
            ..Shutdown::default()
        },
        ..Config::release_default()
    };
    // What keeps a browser from guessing types and from framing the pages. Of Rocket's own set this leaves out a header
    // against a tracking scheme that no browser has any more.
    let shield = Shield::default().disable::<Permission>();
    rocket::custom(config).attach(shield).register("/", catchers::all())
}

/// The public HTTP server, without routes: stages are attached to it.
pub fn api(settings: HttpSettings, metrics: HttpMetrics) -> Rocket<Build> {
    bare(settings, API_GRACE).attach(metrics)
}

/// Answers with `Connection: close` once `leaving` is cancelled, so that clients go by themselves: a request that meets
/// the closing of its idle connection cannot be told from one whose answer was lost.
pub fn farewell(leaving: CancellationToken) -> impl Fairing {
    AdHoc::on_response("farewell", move |_, response| {
        let leaving = leaving.is_cancelled();
        Box::pin(async move {
            if leaving {
                response.set_header(Header::new("Connection", "close"));
            }
        })
    })
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
    let liftoff = AdHoc::on_liftoff("listening", |_| Box::pin(async move { listening() }));
    let rocket = rocket.attach(liftoff).ignite().await.map_err(|error| serve_error(None, &error))?;
    let address = SocketAddr::new(rocket.config().address, rocket.config().port);
    let shutdown = rocket.shutdown();
    let watch = tokio::spawn(async move {
        stop.cancelled().await;
        shutdown.notify();
    });
    let ended = rocket.launch().await;
    watch.abort();
    match ended {
        // Somebody holds a connection and says nothing: everybody else was answered.
        Err(error) if matches!(error.kind(), ErrorKind::Shutdown(_, None)) => {
            tracing::warn!(%address, "some connections were still open at the end");
            Ok(())
        }
        ended => ended.map(drop).map_err(|error| serve_error(Some(address), &error)),
    }
}

/// Reads Rocket's error, which panics when it is dropped unread.
fn serve_error(address: Option<SocketAddr>, error: &rocket::Error) -> ServeError {
    match (error.kind(), address) {
        (ErrorKind::Bind(cause) | ErrorKind::Io(cause), Some(address)) => {
            ServeError::Listen { address, cause: std::io::Error::new(cause.kind(), cause.to_string()) }
        }
        (kind, _) => ServeError::Other(kind.to_string()),
    }
}
