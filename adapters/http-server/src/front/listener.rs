use std::fs::File;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use super::connection::Ending;
use super::connections::{Connections, Entry};
use super::head::MAX_HEAD_BYTES;
use super::service::Service;
use super::socket::Socket;

/// How long to wait when no connection can be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long connections must have been accepted without a failure before that is told.
const RECOVERED: Duration = Duration::from_secs(1);

/// Descriptors kept for the time when the process has no others.
const SPARES: usize = 4;

/// Accepts connections and serves them.
pub(super) struct Listener {
    pub(super) socket: TcpListener,
    pub(super) connections: Arc<Connections>,
    pub(super) service: Arc<Service>,
}

impl Listener {
    /// Accepts connections until it is dropped.
    pub(super) async fn run(self) {
        let mut failed: Option<Instant> = None;
        let mut spares = Vec::new();
        loop {
            while spares.len() < SPARES
                && let Ok(spare) = File::open("/dev/null")
            {
                spares.push(spare);
            }
            match self.socket.accept().await {
                Ok((stream, client)) => {
                    // At the limit, every other connection fails: that is one trouble, and is told once.
                    if failed.is_some_and(|failed| failed.elapsed() > RECOVERED) {
                        tracing::info!("connections are accepted again");
                        failed = None;
                    }
                    self.serve(stream, client).await;
                }
                Err(error) if passes(&error) => {}
                Err(error) => {
                    if failed.is_none() {
                        tracing::error!(%error, "connections cannot be accepted");
                    }
                    failed = Some(Instant::now());
                    // The next attempt has a descriptor more, and soon that of the connection that is closed.
                    self.connections.close_oldest();
                    if spares.pop().is_none() {
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        }
    }

    async fn serve(&self, stream: TcpStream, client: SocketAddr) {
        // Small answers go at once.
        let _ = stream.set_nodelay(true);
        let entry = self.connections.enter(client).await;
        self.service.tasks.spawn(connection(stream, entry, Arc::clone(&self.service)));
    }
}

async fn connection(stream: TcpStream, entry: Entry, service: Arc<Service>) {
    let connection = Arc::clone(&entry.connection);
    let socket = Socket::new(stream, Arc::clone(&connection), Arc::clone(&service));
    let requests = {
        let connection = Arc::clone(&connection);
        service_fn(move |request| Arc::clone(&service).answer(Arc::clone(&connection), request))
    };
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        // The connections are watched, by phase; see `Connections`.
        .header_read_timeout(None)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(socket), requests);
    let mut served = std::pin::pin!(served);
    loop {
        tokio::select! {
            // How a connection ends is its client's affair; what it asked was answered or logged.
            _ = served.as_mut() => return,
            () = connection.told_to_end() => match connection.ending() {
                Ending::Now => return,
                Ending::AfterAnswer => served.as_mut().graceful_shutdown(),
                Ending::None => {}
            },
        }
    }
}

/// The connection went before it was accepted.
fn passes(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
