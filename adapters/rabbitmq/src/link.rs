//! Keeps a connection: drops a lost one whole, waits, connects again, and says so once.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keeper_ports::{PortError, PortResult, Probe};
use prometheus::IntGauge;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::connection::{Broker, ConnectError, Session};
use crate::metrics::Side;

/// The pauses between attempts to connect. The longest leaves time to connect within two seconds of the broker's
/// return.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(1_500);

/// How long the probe waits for the first attempt to connect.
const FIRST_ATTEMPT: Duration = Duration::from_secs(2);

/// Why there is no connection before the first attempt has ended.
pub(crate) const NOT_YET: &str = "not connected yet";

/// The state of a connection, as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LinkState {
    /// The first attempt is under way.
    Connecting,
    /// There is none, for this reason.
    Down(Arc<str>),
    /// It is in use.
    Up,
    /// It is in use, and the broker takes no messages on it, for this reason.
    Blocked(Arc<str>),
}

/// One connection that is kept up.
pub(crate) struct Link {
    broker: Broker,
    side: Side,
    state: watch::Sender<LinkState>,
    connected: IntGauge,
    pause: Duration,
    /// The kind of the trouble that the log knows of.
    logged: Option<&'static str>,
}

impl Link {
    pub(crate) fn new(broker: Broker, side: Side) -> Self {
        let connected = broker.metrics().connected(side);
        connected.set(0);
        let (state, _) = watch::channel(LinkState::Connecting);
        Self { broker, side, state, connected, pause: FIRST_PAUSE, logged: None }
    }

    pub(crate) fn watch(&self) -> watch::Receiver<LinkState> {
        self.state.subscribe()
    }

    /// Connects, however long it takes; `None` when it is to stop.
    pub(crate) async fn session(&mut self, stop: &CancellationToken) -> Option<Session> {
        loop {
            let attempt = stop.run_until_cancelled(self.broker.connect()).await?;
            match attempt {
                Ok(session) => return Some(session),
                Err(error) => self.failed(&error, stop).await?,
            }
        }
    }

    /// The session is in use.
    pub(crate) fn up(&mut self) {
        self.pause = FIRST_PAUSE;
        self.connected.set(1);
        self.state.send_replace(LinkState::Up);
        let logged = self.logged.take();
        match logged {
            // It comes and goes with the consumer's, which says so.
            _ if self.side == Side::DeadLetters => {}
            Some(_) => info!(side = self.side.as_str(), "the broker is back"),
            None => info!(side = self.side.as_str(), "connected to the broker"),
        }
    }

    /// The broker takes no messages on this connection, or takes them again.
    pub(crate) fn blocked(&mut self, reason: Option<String>) {
        if let Some(reason) = reason {
            warn!(side = self.side.as_str(), reason, "the broker takes no messages");
            self.state.send_replace(LinkState::Blocked(reason.into()));
        } else {
            info!(side = self.side.as_str(), "the broker takes messages again");
            self.state.send_replace(LinkState::Up);
        }
    }

    /// The session is lost, or never came into use; pauses before the next. `None` when it is to stop.
    pub(crate) async fn lost(&mut self, cause: String, stop: &CancellationToken) -> Option<()> {
        self.down("lost", cause);
        self.wait(stop).await
    }

    /// It ends because it is to stop.
    pub(crate) fn stopped(&mut self) {
        self.connected.set(0);
        self.state.send_replace(LinkState::Down("shutting down".into()));
    }

    async fn failed(&mut self, error: &ConnectError, stop: &CancellationToken) -> Option<()> {
        self.down(error.kind(), error.to_string());
        self.wait(stop).await
    }

    fn down(&mut self, kind: &'static str, cause: String) {
        self.connected.set(0);
        // A lost connection is first refused and then unreachable, or the other way round: that is one piece of news.
        let known = matches!((self.logged, kind), (Some("lost"), "unreachable")) || self.logged == Some(kind);
        if !known {
            self.logged = Some(kind);
            if self.side != Side::DeadLetters {
                warn!(side = self.side.as_str(), cause, "no connection to the broker; trying again");
            }
        }
        self.state.send_replace(LinkState::Down(cause.into()));
    }

    async fn wait(&mut self, stop: &CancellationToken) -> Option<()> {
        let pause = jittered(self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        stop.run_until_cancelled(sleep(pause)).await
    }
}

/// Half to all of a pause, so that many clients do not come back at the same moment.
fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    let thousandths = 500 + u32::try_from(random % 501).unwrap_or_default();
    pause * thousandths / 1000
}

/// Says whether a unit's connection to the broker is in use.
pub struct BrokerProbe(pub(crate) watch::Receiver<LinkState>);

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
        let _ = timeout(FIRST_ATTEMPT, state.wait_for(|state| *state != LinkState::Connecting)).await;
        match &*state.borrow() {
            LinkState::Up => Ok(()),
            LinkState::Connecting => Err(PortError::unavailable("broker", NOT_YET)),
            LinkState::Down(cause) => Err(PortError::unavailable("broker", cause.to_string())),
            LinkState::Blocked(reason) => {
                Err(PortError::unavailable("broker", format!("it takes no messages: {reason}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_never_longer_than_it_says_nor_shorter_than_half() {
        for _ in 0..1_000 {
            let pause = jittered(LONGEST_PAUSE);
            assert!(pause <= LONGEST_PAUSE && pause >= LONGEST_PAUSE / 2, "{pause:?}");
        }
    }
}
