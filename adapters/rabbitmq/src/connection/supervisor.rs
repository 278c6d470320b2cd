//! Keeps a connection: drops a lost one whole, waits, connects again, and says so once.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use keeper_ports::Backoff;
use prometheus::IntGauge;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::broker::{Broker, ConnectError};
use super::metrics::ConnectionRole;
use super::session::Session;

/// The pauses between attempts to connect. The longest leaves time to connect within two seconds of the broker's
/// return.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(1_500);

/// Why there is no connection before the first attempt has ended.
pub(crate) const NOT_YET: &str = "not connected yet";

/// The state of a connection, as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ConnectionState {
    /// The first attempt is under way.
    Connecting,
    /// There is none, for this reason.
    Down(Arc<str>),
    /// It is there, and the broker has confirmed nothing since it was last found to confirm nothing, for this reason.
    Doubtful(Arc<str>),
    /// It is in use.
    Up,
    /// It is in use, and the broker takes no messages on it, for this reason.
    Blocked(Arc<str>),
}

/// The unit is told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stopped;

/// Keeps one connection up.
pub(crate) struct Supervisor {
    broker: Broker,
    role: ConnectionRole,
    state: watch::Sender<ConnectionState>,
    connected: IntGauge,
    backoff: Backoff,
    /// Why the connection is of no use before something is confirmed on it.
    doubt: Option<Arc<str>>,
    /// The kind of the trouble that the log knows of.
    logged: Option<&'static str>,
}

impl Supervisor {
    pub(crate) fn new(broker: Broker, role: ConnectionRole) -> Self {
        let connected = broker.metrics().connected(&broker.topology().queue, role);
        connected.set(0);
        let (state, _) = watch::channel(ConnectionState::Connecting);
        let backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        Self { broker, role, state, connected, backoff, doubt: None, logged: None }
    }

    pub(crate) fn watch(&self) -> watch::Receiver<ConnectionState> {
        self.state.subscribe()
    }

    /// Connects, however long it takes.
    pub(crate) async fn session(&mut self, stop: &CancellationToken) -> Result<Session, Stopped> {
        loop {
            let attempt = stop.run_until_cancelled(self.broker.connect(self.role)).await.ok_or(Stopped)?;
            match attempt {
                Ok(session) => return Ok(session),
                Err(error) => self.failed(&error, stop).await?,
            }
        }
    }

    /// The session is in use. After a silence that says nothing yet: the broker takes connections, whether its queue is up or
    /// not.
    pub(crate) fn up(&mut self) {
        match &self.doubt {
            Some(cause) => drop(self.state.send_replace(ConnectionState::Doubtful(Arc::clone(cause)))),
            None => self.in_use(),
        }
    }

    /// The broker has confirmed something on this connection.
    pub(crate) fn confirmed(&mut self) {
        if self.doubt.take().is_some() {
            self.in_use();
        }
    }

    fn in_use(&mut self) {
        self.backoff.succeeded();
        self.connected.set(1);
        self.state.send_replace(ConnectionState::Up);
        let logged = self.logged.take();
        let (side, queue) = self.names();
        match logged {
            // It comes and goes with the consumer's, which says so.
            _ if self.role == ConnectionRole::DeadLetters => {}
            Some(_) => info!(side, queue, "the broker is back"),
            None => info!(side, queue, "connected to the broker"),
        }
    }

    /// The broker takes no messages on this connection, for this reason.
    pub(crate) fn blocked(&mut self, reason: String) {
        let (side, queue) = self.names();
        warn!(side, queue, reason, "the broker takes no messages");
        self.state.send_replace(ConnectionState::Blocked(reason.into()));
    }

    /// The broker takes messages on this connection again.
    pub(crate) fn unblocked(&mut self) {
        let (side, queue) = self.names();
        info!(side, queue, "the broker takes messages again");
        let doubtful = self.doubt.clone().map(ConnectionState::Doubtful);
        self.state.send_replace(doubtful.unwrap_or(ConnectionState::Up));
    }

    /// The broker took messages and confirmed none, so the session is given up; pauses before the next.
    pub(crate) async fn silent(&mut self, cause: String, stop: &CancellationToken) -> Result<(), Stopped> {
        self.doubt = Some(cause.as_str().into());
        self.down("silent", cause);
        self.wait(stop).await
    }

    /// The session is lost, or never came into use; pauses before the next.
    pub(crate) async fn lost(&mut self, cause: String, stop: &CancellationToken) -> Result<(), Stopped> {
        self.down("lost", cause);
        self.wait(stop).await
    }

    /// It ends because it is to stop.
    pub(crate) fn stopped(&mut self) {
        self.connected.set(0);
        self.state.send_replace(ConnectionState::Down("shutting down".into()));
    }

    async fn failed(&mut self, error: &ConnectError, stop: &CancellationToken) -> Result<(), Stopped> {
        self.down(error.kind(), error.to_string());
        self.wait(stop).await
    }

    fn down(&mut self, kind: &'static str, cause: String) {
        self.connected.set(0);
        // A lost connection is first refused and then unreachable, or the other way round: that is one piece of news.
        let known = matches!((self.logged, kind), (Some("lost"), "unreachable")) || self.logged == Some(kind);
        if !known {
            self.logged = Some(kind);
            if self.role != ConnectionRole::DeadLetters {
                let (side, queue) = self.names();
                let trouble = match self.doubt {
                    Some(_) if kind == "silent" => "the broker confirms nothing; trying again",
                    _ => "no connection to the broker; trying again",
                };
                warn!(side, queue, cause, "{trouble}");
            }
        }
        self.state.send_replace(ConnectionState::Down(cause.into()));
    }

    async fn wait(&mut self, stop: &CancellationToken) -> Result<(), Stopped> {
        let pause = jittered(self.backoff.failed());
        stop.run_until_cancelled(sleep(pause)).await.ok_or(Stopped)
    }

    /// The role and the queue, for the log.
    fn names(&self) -> (&'static str, &str) {
        (self.role.as_str(), &self.broker.topology().queue)
    }
}

/// Half to all of a pause, so that many clients do not come back at the same moment.
fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    let thousandths = 500 + u32::try_from(random % 501).unwrap_or_default();
    pause * thousandths / 1000
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
