//! A connection to the broker that is kept up, with what must be in the broker for it to be of use.

mod broker;
mod channel;
mod management;
mod metrics;
mod probe;
mod session;
mod settings;
mod supervisor;
mod tls;
mod topology;

pub use broker::Broker;
pub(crate) use broker::CONNECT_TIMEOUT;
pub(crate) use channel::{cancel, depth, requeue, requeue_all, subscribe};
pub(crate) use management::ManagementError;
pub use metrics::BrokerMetrics;
pub(crate) use metrics::ConnectionRole;
pub use probe::{BrokerProbe, ConnectProbe};
pub(crate) use session::{Incident, Inspection, Session, SessionEnd};
pub use settings::{BrokerSettings, ConsumerOptions, ConsumerSettings, UnidentifiedMessages};
pub(crate) use supervisor::{ConnectionState, NOT_YET, Supervisor};
pub(crate) use topology::Topology;
