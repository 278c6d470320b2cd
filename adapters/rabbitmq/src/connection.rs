//! One connection to the broker, made ready for use.

use std::fmt;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use keeper_settings::WrongSetting;
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::tcp::{AsyncTcpStream, RustlsConnector};
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Channel, Connection, ConnectionProperties, ErrorKind, Event};
use prometheus::Registry;
use tokio::net::lookup_host;
use tokio::time::timeout;

use crate::metrics::BrokerMetrics;
use crate::settings::{Settings, exposed};
use crate::tls;
use crate::topology::Topology;

/// How long a connection may take to become usable, and how long it may take to say goodbye.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A broker as a unit knows it: where it is, how to log in, and what must be there. No connection yet.
#[derive(Clone)]
pub struct Broker(Arc<Inner>);

struct Inner {
    uri: AMQPUri,
    connector: Option<RustlsConnector>,
    unit: String,
    topology: Topology,
    declare: bool,
    prefetch: u16,
    publish_timeout: Duration,
    metrics: BrokerMetrics,
}

/// Says where the broker is, and never the password.
impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = &self.0.uri.authority;
        f.debug_struct("Broker")
            .field("host", &authority.host)
            .field("port", &authority.port)
            .finish_non_exhaustive()
    }
}

/// Why a broker cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// A setting cannot work.
    #[error(transparent)]
    Settings(#[from] WrongSetting),
    /// An instrument of that name is in the registry already.
    #[error("the broker's metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
}

impl Broker {
    /// Checks the settings, reads the files that they name, and registers the metrics `broker_connected` and
    /// `orders_unconfirmed`. The connections carry the unit's name.
    ///
    /// # Errors
    /// A setting cannot work, a file cannot be read, or the metrics are registered already.
    pub fn new(settings: &Settings, unit: &str, registry: &Registry) -> Result<Self, BrokerError> {
        settings.check_ranges()?;
        let userinfo =
            AMQPUserInfo { username: settings.user.clone(), password: exposed(&settings.secret()?) };
        let authority = AMQPAuthority { userinfo, host: settings.host.clone(), port: settings.port };
        let query = AMQPQueryString { heartbeat: Some(settings.heartbeat_s), ..AMQPQueryString::default() };
        // TLS is laid over the connection here, not by the library: the scheme that it sees is always plain.
        let uri = AMQPUri { scheme: AMQPScheme::AMQP, authority, vhost: settings.vhost.clone(), query };
        Ok(Self(Arc::new(Inner {
            uri,
            connector: settings.tls.then(|| tls::connector(settings)).transpose()?,
            unit: unit.to_owned(),
            topology: Topology::new(&settings.queue),
            declare: settings.declare,
            prefetch: settings.prefetch,
            publish_timeout: Duration::from_millis(settings.publish_timeout_ms.into()),
            metrics: BrokerMetrics::register(registry)?,
        })))
    }

    pub(crate) fn unit(&self) -> &str {
        &self.0.unit
    }

    pub(crate) fn topology(&self) -> &Topology {
        &self.0.topology
    }

    pub(crate) fn prefetch(&self) -> u16 {
        self.0.prefetch
    }

    pub(crate) fn publish_timeout(&self) -> Duration {
        self.0.publish_timeout
    }

    pub(crate) fn metrics(&self) -> &BrokerMetrics {
        &self.0.metrics
    }

    /// Connects, and makes sure of the queues.
    pub(crate) async fn connect(&self) -> Result<Session, ConnectError> {
        let socket = Socket::default();
        let connected = timeout(CONNECT_TIMEOUT, self.open(&socket)).await;
        match connected {
            Ok(Ok((connection, channel))) => {
                let events = Box::pin(connection.events_listener());
                Ok(Session { connection, channel, events, socket })
            }
            Ok(Err(error)) => {
                socket.shut_down();
                Err(error)
            }
            Err(_) => {
                socket.shut_down();
                Err(ConnectError::Silent)
            }
        }
    }

    async fn open(&self, socket: &Socket) -> Result<(Connection, Channel), ConnectError> {
        let runtime = lapin::runtime::default_runtime()?;
        let properties = ConnectionProperties::default().with_connection_name(self.0.unit.as_str().into());
        let connector = self.0.connector.clone();
        let socket = socket.clone();
        // A closure in place: lapin's runtime type cannot be named here.
        let connecting = Connection::connector(
            self.0.uri.clone(),
            runtime,
            async move |uri: AMQPUri, runtime| {
                let AMQPAuthority { host, port, .. } = &uri.authority;
                let addresses: Vec<_> = lookup_host((host.as_str(), *port)).await?.collect();
                let stream = AsyncTcpStream::connect(&runtime, addresses).await?;
                if let AsyncTcpStream::Plain(stream) = &stream {
                    socket.keep(stream.get_ref())?;
                }
                match &connector {
                    Some(connector) => Ok(stream.into_rustls(connector, host).await?),
                    None => Ok(stream),
                }
            },
            properties,
        );
        let connection = connecting.await?;
        let channel = connection.create_channel().await?;
        self.0.topology.declare(&channel, self.0.declare).await.map_err(|error| self.explain(error))?;
        Ok((connection, channel))
    }

    fn explain(&self, error: lapin::Error) -> ConnectError {
        let queue = self.0.topology.queue.clone();
        match soft_error(&error) {
            Some(AMQPSoftError::PRECONDITIONFAILED) => ConnectError::OtherQueue { queue, cause: error },
            Some(AMQPSoftError::NOTFOUND) => ConnectError::NoQueue { queue },
            _ => error.into(),
        }
    }
}

fn soft_error(error: &lapin::Error) -> Option<AMQPSoftError> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => match error.kind() {
            AMQPErrorKind::Soft(soft) => Some(soft.clone()),
            AMQPErrorKind::Hard(_) => None,
        },
        _ => None,
    }
}

/// Why there is no usable connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// The broker cannot be reached, refuses the login, or breaks off.
    #[error(transparent)]
    Failed(#[from] lapin::Error),
    /// The broker takes the connection and says nothing.
    #[error("the broker did not answer within {} seconds", CONNECT_TIMEOUT.as_secs())]
    Silent,
    /// A queue or exchange of that name is there with other properties.
    #[error(
        "`{queue}`, its dead letters, or their exchange are in the broker already with other properties than this \
         version gives them, such as a classic queue of an earlier installation: move its messages away and delete \
         it, or name another queue in broker.queue, or set broker.declare = false to use the queue as it is ({cause})"
    )]
    OtherQueue { queue: String, cause: lapin::Error },
    /// `declare` is off and there is no queue.
    #[error("there is no queue `{queue}` in the broker, and broker.declare = false forbids to create it")]
    NoQueue { queue: String },
}

impl ConnectError {
    /// What to tell apart in the log: a cause of another kind is news.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Failed(error) if matches!(error.kind(), ErrorKind::ProtocolError(_)) => "refused",
            Self::Failed(_) | Self::Silent => "unreachable",
            Self::OtherQueue { .. } => "other queue",
            Self::NoQueue { .. } => "no queue",
        }
    }
}

/// The socket under a connection, by which it can be ended at once, whatever state it is in: the library's thread
/// would wait for ever for a peer that took the connection and fell silent before the heartbeats began.
#[derive(Clone, Default)]
struct Socket(Arc<Mutex<Option<TcpStream>>>);

impl Socket {
    fn keep(&self, stream: &tokio::net::TcpStream) -> io::Result<()> {
        // Frames are written whole; waiting for more (Nagle) would delay each acknowledgement by up to 40 ms.
        stream.set_nodelay(true)?;
        let stream = TcpStream::from(stream.as_fd().try_clone_to_owned()?);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
        Ok(())
    }

    fn shut_down(&self) {
        if let Some(stream) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // An error says that it is closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// A connection with a channel; the queues are there. Dropped, it is gone at once, and everything that was delivered
/// on it and not acknowledged goes back to its queue.
pub(crate) struct Session {
    pub(crate) connection: Connection,
    pub(crate) channel: Channel,
    events: Pin<Box<dyn Stream<Item = Event> + Send>>,
    socket: Socket,
}

/// What happened to a connection by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Incident {
    /// The broker takes no messages, for this reason.
    Blocked(String),
    /// The broker takes messages again.
    Unblocked,
    /// The connection or its channel is gone, for this reason.
    Lost(String),
}

impl Session {
    /// Waits for the next thing that happens. It is safe to be dropped and called again.
    pub(crate) async fn incident(&mut self) -> Incident {
        loop {
            match timeout(Duration::from_secs(1), self.events.next()).await {
                Ok(Some(Event::ConnectionBlocked(reason))) => return Incident::Blocked(reason),
                Ok(Some(Event::ConnectionUnblocked)) => return Incident::Unblocked,
                Ok(Some(Event::Error(error))) => return Incident::Lost(error.to_string()),
                // Not every way in which a connection ends is an event.
                Ok(Some(_)) | Err(_) if self.is_usable() => {}
                Ok(_) | Err(_) => return Incident::Lost("the connection is closed".into()),
            }
        }
    }

    /// Connection and channel are open.
    pub(crate) fn is_usable(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }

    /// Ends the connection in good order, if the broker answers.
    pub(crate) async fn close(self) {
        let goodbye = self.connection.close(200, "OK".into());
        // What is not closed in time is cut off by the drop.
        let _ = timeout(CLOSE_TIMEOUT, goodbye).await;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.socket.shut_down();
    }
}
