use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use keeper_settings::WrongSetting;
use lapin::options::ConfirmSelectOptions;
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::tcp::{AsyncTcpStream, RustlsConnector};
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Channel, Connection, ConnectionProperties, ErrorKind};
use tokio::net::lookup_host;
use tokio::time::timeout;

use super::management::{self, Management, ManagementError};
use super::metrics::{BrokerMetrics, ConnectionRole};
use super::session::{Inspection, Session, Socket};
use super::settings::{BrokerSettings, exposed};
use super::tls;
use super::topology::{Topology, TopologyError};

/// How long a connection may take to become usable.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A queue at a broker as a unit knows it: where the broker is, how to log in, and what must be there. No connection
/// yet. Cheap to clone.
#[derive(Clone)]
pub struct Broker {
    access: Arc<Access>,
    topology: Topology,
}

/// What is the same for every queue of a broker.
struct Access {
    settings: BrokerSettings,
    unit: String,
    metrics: BrokerMetrics,
}

/// Says where the broker is, and never the password.
impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BrokerSettings { host, port, .. } = &self.access.settings;
        f.debug_struct("Broker").field("host", host).field("port", port).finish_non_exhaustive()
    }
}

impl Broker {
    /// Checks the settings and the files that they name; each attempt to connect reads those again. The connections carry
    /// the unit's name.
    ///
    /// # Errors
    /// A setting cannot work, or a file cannot be read.
    pub fn new(settings: &BrokerSettings, unit: &str, metrics: &BrokerMetrics) -> Result<Self, WrongSetting> {
        settings.check()?;
        let access = Access { settings: settings.clone(), unit: unit.to_owned(), metrics: metrics.clone() };
        Ok(Self { access: Arc::new(access), topology: Topology::new(&settings.queue) })
    }

    /// Another queue at the same broker, with dead letters of its own. Its name is at most 240 bytes long.
    #[must_use]
    pub fn with_queue(&self, queue: &str) -> Self {
        Self { access: Arc::clone(&self.access), topology: Topology::new(queue) }
    }

    pub(crate) fn unit(&self) -> &str {
        &self.access.unit
    }

    pub(crate) fn topology(&self) -> &Topology {
        &self.topology
    }

    pub(crate) fn publish_timeout(&self) -> Duration {
        Duration::from_millis(self.access.settings.publish_timeout_ms.into())
    }

    pub(crate) fn metrics(&self) -> &BrokerMetrics {
        &self.access.metrics
    }

    pub(crate) fn has_management(&self) -> bool {
        !self.access.settings.management_url.is_empty()
    }

    /// What the management API tells of a queue, as JSON.
    pub(crate) async fn described(
        &self,
        queue: &str,
    ) -> Result<Result<Vec<u8>, ManagementError>, WrongSetting> {
        let settings = &self.access.settings;
        let Some(base) = management::base(&settings.management_url)? else {
            return Ok(Err(ManagementError::NoQueue));
        };
        let (user, password) = (settings.user.clone(), settings.secret()?);
        let management = Management { base, user, password, tls: tls::client_config(&settings.tls_ca)? };
        Ok(management.queue(&settings.vhost, queue).await)
    }

    /// Connects, makes sure of what the role needs in the broker, and has the broker confirm messages where the role
    /// publishes. It takes no longer than [`CONNECT_TIMEOUT`], whatever the broker does.
    pub(crate) async fn connect(&self, role: ConnectionRole) -> Result<Session, ConnectError> {
        timeout(CONNECT_TIMEOUT, self.open(role)).await.unwrap_or(Err(ConnectError::Silent))
    }

    async fn open(&self, role: ConnectionRole) -> Result<Session, ConnectError> {
        let socket = Socket::default();
        let (uri, connector) = self.access.credentials()?;
        let runtime = lapin::runtime::default_runtime()?;
        let properties =
            ConnectionProperties::default().with_connection_name(self.access.unit.as_str().into());
        let slot = socket.slot();
        // A closure in place: lapin's runtime type cannot be named here.
        let connecting = Connection::connector(
            uri,
            runtime,
            async move |uri: AMQPUri, runtime| {
                let AMQPAuthority { host, port, .. } = &uri.authority;
                let addresses: Vec<_> = lookup_host((host.as_str(), *port)).await?.collect();
                let stream = AsyncTcpStream::connect(&runtime, addresses).await?;
                if let AsyncTcpStream::Plain(stream) = &stream {
                    slot.fill(stream.get_ref())?;
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
        let inspection = self.prepare(role, &channel).await?;
        let channel = match inspection {
            Inspection::Allowed => channel,
            // A refusal ends the channel.
            Inspection::Refused => connection.create_channel().await?,
        };
        if role.publishes() {
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
        }
        Ok(Session::new(connection, channel, inspection, socket))
    }

    /// Creates what is not in the broker, or makes sure that it is there where nothing may be created.
    async fn prepare(&self, role: ConnectionRole, channel: &Channel) -> Result<Inspection, ConnectError> {
        if self.access.settings.declare {
            let declared = self.topology.declare(channel).await;
            return declared.map(|()| Inspection::Allowed).map_err(|error| self.explain(error));
        }
        // Who only publishes needs no more than the queue, and no right to look at the rest.
        let dead_letters = role != ConnectionRole::Publisher;
        match self.topology.verify(channel, dead_letters).await {
            Ok(()) => Ok(Inspection::Allowed),
            Err(TopologyError { what, cause }) => match soft_error(&cause) {
                Some(AMQPSoftError::NOTFOUND) => Err(ConnectError::Missing { what }),
                // From RabbitMQ 4.3 on, who looks at a queue needs the right to configure it.
                Some(AMQPSoftError::ACCESSREFUSED) => Ok(Inspection::Refused),
                _ => Err(cause.into()),
            },
        }
    }

    fn explain(&self, error: lapin::Error) -> ConnectError {
        match soft_error(&error) {
            Some(AMQPSoftError::PRECONDITIONFAILED) => {
                ConnectError::OtherQueue { queue: self.topology.queue.clone(), cause: error }
            }
            _ => error.into(),
        }
    }
}

impl Access {
    /// Where to connect, with the password and the authorities as their files have them now: so they may be changed
    /// without a restart. The files are small and local.
    fn credentials(&self) -> Result<(AMQPUri, Option<RustlsConnector>), WrongSetting> {
        let settings = &self.settings;
        let userinfo =
            AMQPUserInfo { username: settings.user.clone(), password: exposed(&settings.secret()?) };
        let authority = AMQPAuthority { userinfo, host: settings.host.clone(), port: settings.port };
        let query = AMQPQueryString { heartbeat: Some(settings.heartbeat_s), ..AMQPQueryString::default() };
        // TLS is laid over the connection here, not by the library: the scheme that it sees is always plain.
        let uri = AMQPUri { scheme: AMQPScheme::AMQP, authority, vhost: settings.vhost.clone(), query };
        let connector = settings.tls.then(|| tls::connector(&settings.tls_ca)).transpose()?;
        Ok((uri, connector))
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
    /// A file that the settings name cannot be used now.
    #[error(transparent)]
    Setting(#[from] WrongSetting),
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
    /// `declare` is off and something is not there.
    #[error("there is no {what} in the broker, and broker.declare = false forbids to create it")]
    Missing { what: String },
}

impl ConnectError {
    /// What to tell apart in the log: a cause of another kind is news.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Failed(error) if matches!(error.kind(), ErrorKind::ProtocolError(_)) => "refused",
            Self::Failed(_) | Self::Silent => "unreachable",
            Self::Setting(_) => "unusable file",
            Self::OtherQueue { .. } => "other queue",
            Self::Missing { .. } => "missing",
        }
    }
}
