use std::time::Duration;

use async_trait::async_trait;
use keeper_ports::{PortError, PortResult, Probe};
use tokio::sync::watch;
use tokio::time::timeout;

use super::broker::Broker;
use super::metrics::ConnectionRole;
use super::supervisor::{ConnectionState, NOT_YET};

/// How long the probe waits for the first attempt to connect.
const FIRST_ATTEMPT: Duration = Duration::from_secs(2);

/// Says whether a unit's connection to the broker is in use.
pub struct BrokerProbe(watch::Receiver<ConnectionState>);

impl BrokerProbe {
    pub(crate) fn of(state: watch::Receiver<ConnectionState>) -> Self {
        Self(state)
    }
}

/// Connects, as a unit does at its start, and says whether that succeeds.
pub struct ConnectProbe {
    broker: Broker,
    role: ConnectionRole,
}

impl ConnectProbe {
    /// The probe of a unit that publishes.
    pub fn of_publisher(broker: Broker) -> Self {
        Self { broker, role: ConnectionRole::Publisher }
    }

    /// The probe of a unit that consumes.
    pub fn of_consumer(broker: Broker) -> Self {
        Self { broker, role: ConnectionRole::Consumer }
    }
}

#[async_trait]
impl Probe for ConnectProbe {
    fn name(&self) -> &'static str {
        "broker"
    }

    async fn check(&self) -> PortResult<()> {
        let session = self.broker.connect(self.role).await;
        session.map_err(|error| PortError::unavailable("broker", error))?.close().await;
        Ok(())
    }
}

#[async_trait]
impl Probe for BrokerProbe {
    fn name(&self) -> &'static str {
        "broker"
    }

    fn is_logged(&self) -> bool {
        true
    }

    async fn check(&self) -> PortResult<()> {
        let mut state = self.0.clone();
        // When it does not end in time, or nothing runs, the state says so.
        let _ = timeout(FIRST_ATTEMPT, state.wait_for(|state| *state != ConnectionState::Connecting)).await;
        match &*state.borrow() {
            ConnectionState::Up => Ok(()),
            ConnectionState::Connecting => Err(PortError::unavailable("broker", NOT_YET)),
            ConnectionState::Down(cause) | ConnectionState::Doubtful(cause) => {
                Err(PortError::unavailable("broker", cause.to_string()))
            }
            ConnectionState::Blocked(reason) => {
                Err(PortError::unavailable("broker", format!("it takes no messages: {reason}")))
            }
        }
    }
}
