//! Keeps a connection: drops a lost one whole, waits, connects again, and says so once.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keeper_ports::{PortError, PortResult, Probe};
use prometheus::IntGauge;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::connection::{Broker, ConnectError, Session};
use crate::metrics::Side;

/// The pauses between attempts to connect. The longest leaves time to connect within two seconds of the broker's
/// return.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(1_500);

/// The state of a connection, as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LinkState {
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
    side: &'static str,
    state: watch::Sender<LinkState>,
    connected: IntGauge,
    pause: Duration,
    /// The kind of the trouble that the log knows of.
    said: Option<&'static str>,
}

impl Link {
    pub(crate) fn new(broker: Broker, side: Side) -> Self {
        let connected = broker.metrics().connected(side);
        connected.set(0);
        let (state, _) = watch::channel(LinkState::Down("not connected yet".into()));
        Self { broker, side: side.as_str(), state, connected, pause: FIRST_PAUSE, said: None }
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
        if self.said.take().is_some() {
            info!(side = self.side, "the broker is back");
        } else {
            info!(side = self.side, "connected to the broker");
        }
    }

    /// The broker takes no messages on this connection, or takes them again.
    pub(crate) fn blocked(&mut self, reason: Option<String>) {
        if let Some(reason) = reason {
            warn!(side = self.side, reason, "the broker takes no messages");
            self.state.send_replace(LinkState::Blocked(reason.into()));
        } else {
            info!(side = self.side, "the broker takes messages again");
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
        let known = matches!((self.said, kind), (Some("lost"), "unreachable")) || self.said == Some(kind);
        if !known {
            warn!(side = self.side, cause, "no connection to the broker; trying again");
            self.said = Some(kind);
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

    async fn check(&self) -> PortResult<()> {
        match &*self.0.borrow() {
            LinkState::Up => Ok(()),
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
