//! One task owns the channel, for two reasons of the library (lapin 4.12), both of which would lose orders:
//!
//! * it numbers a message and queues its frames in two steps: messages that two threads publish on one channel at the
//!   same time may get each other's confirm;
//! * it hands a returned (unroutable) message to whichever confirm it settles next, and a broker may confirm several at
//!   once: so all confirms that have come are looked at before any is answered, and after a return none of the channel
//!   is believed ([`Confirms`]).

use std::sync::Arc;
use std::time::Duration;

use prometheus::IntGauge;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::confirms::Confirms;
use super::outgoing::{Job, MAX_UNCONFIRMED, Outgoing, PublishError};
use crate::connection::{
    Broker, BrokerProbe, ConnectionRole, ConnectionState, Incident, NOT_YET, Session, SessionEnd, Supervisor,
};

/// How often it is looked whether the broker has confirmed nothing for too long.
const LOOK: Duration = Duration::from_millis(500);

/// Hands messages to the task that publishes them.
#[derive(Clone)]
pub struct Publisher {
    jobs: mpsc::UnboundedSender<Job<Outgoing>>,
    state: watch::Receiver<ConnectionState>,
    slots: Arc<Semaphore>,
    unconfirmed: IntGauge,
    timeout: Duration,
}

impl Publisher {
    /// Makes the publisher, and the task that keeps its connection and publishes: run it beside.
    pub fn new(broker: &Broker) -> (Self, PublisherTask) {
        Self::in_role(broker, ConnectionRole::Publisher)
    }

    pub(crate) fn in_role(broker: &Broker, role: ConnectionRole) -> (Self, PublisherTask) {
        let supervisor = Supervisor::new(broker.clone(), role);
        let (jobs, received) = mpsc::unbounded_channel();
        let publisher = Self {
            jobs,
            state: supervisor.watch(),
            slots: Arc::new(Semaphore::new(MAX_UNCONFIRMED)),
            unconfirmed: broker.metrics().unconfirmed(),
            timeout: broker.publish_timeout(),
        };
        (publisher, PublisherTask { supervisor, jobs: received, timeout: broker.publish_timeout() })
    }

    /// Makes a publisher whose messages the simulated broker takes.
    #[cfg(test)]
    pub(crate) fn simulated(
        jobs: mpsc::UnboundedSender<Job<Outgoing>>,
        state: watch::Receiver<ConnectionState>,
        timeout: Duration,
    ) -> Self {
        let slots = Arc::new(Semaphore::new(MAX_UNCONFIRMED));
        let unconfirmed = IntGauge::new("unconfirmed", "a test").unwrap();
        Self { jobs, state, slots, unconfirmed, timeout }
    }

    /// Says whether messages can be published.
    pub fn probe(&self) -> Arc<BrokerProbe> {
        Arc::new(BrokerProbe::of(self.state.clone()))
    }

    /// Publishes a message and waits for the broker's confirm.
    ///
    /// # Errors
    /// Nobody has said that the message is published. It may be all the same.
    pub async fn publish(&self, message: Outgoing) -> Result<(), PublishError> {
        let deadline = Instant::now() + self.timeout;
        self.check(deadline).await?;
        let permit = Arc::clone(&self.slots).try_acquire_owned().map_err(|_| PublishError::Full)?;
        let (answer, answered) = oneshot::channel();
        let job = Job::new(message, answer, permit, self.unconfirmed.clone());
        let stopped = || PublishError::Disconnected("shutting down".into());
        self.jobs.send(job).map_err(|_| stopped())?;
        match timeout_at(deadline, answered).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(stopped())),
            Err(_) => Err(PublishError::Unconfirmed(self.timeout)),
        }
    }

    /// Says at once that nothing can be published now; but the first attempt to connect is waited for, so that nobody
    /// is refused only because the process has just started.
    async fn check(&self, deadline: Instant) -> Result<(), PublishError> {
        let mut state = self.state.clone();
        let attempted = state.wait_for(|state| *state != ConnectionState::Connecting);
        // When it does not end in time, the state says so.
        let _ = timeout_at(deadline, attempted).await;
        match &*state.borrow() {
            // Only an order tells whether the queue takes orders again.
            ConnectionState::Up | ConnectionState::Doubtful(_) => Ok(()),
            ConnectionState::Connecting => Err(PublishError::Disconnected(NOT_YET.into())),
            ConnectionState::Down(cause) => Err(PublishError::Disconnected(Arc::clone(cause))),
            ConnectionState::Blocked(reason) => Err(PublishError::Blocked(Arc::clone(reason))),
        }
    }
}

/// The task that publishes. Nothing is published unless it runs.
pub struct PublisherTask {
    supervisor: Supervisor,
    jobs: mpsc::UnboundedReceiver<Job<Outgoing>>,
    timeout: Duration,
}

impl PublisherTask {
    /// Keeps a connection and publishes on it until `stop`; then waits for the confirms that are still to come, no
    /// longer than any of them is waited for, and closes the connection.
    pub async fn run(mut self, stop: CancellationToken) {
        while let Ok(session) = self.supervisor.session(&stop).await {
            let end = self.serve(session, &stop).await;
            if let SessionEnd::Lost(cause) | SessionEnd::Silent(cause) = &end {
                self.refuse_waiting(cause);
            }
            let paused = match end {
                SessionEnd::Stopped => break,
                SessionEnd::Lost(cause) => self.supervisor.lost(cause, &stop).await,
                SessionEnd::Silent(cause) => self.supervisor.silent(cause, &stop).await,
            };
            if paused.is_err() {
                break;
            }
        }
        self.supervisor.stopped();
        self.jobs.close();
        self.refuse_waiting("shutting down");
    }

    /// Publishes until the session ends.
    async fn serve(&mut self, mut session: Session, stop: &CancellationToken) -> SessionEnd {
        let mut confirms = Confirms::new(session.channel.clone());
        self.supervisor.up();
        let end = self.publish_until_the_end(&mut session, &mut confirms, stop).await;
        match &end {
            SessionEnd::Stopped => self.finish(session, confirms).await,
            SessionEnd::Lost(cause) | SessionEnd::Silent(cause) => confirms.abandon(cause),
        }
        end
    }

    async fn publish_until_the_end(
        &mut self,
        session: &mut Session,
        confirms: &mut Confirms,
        stop: &CancellationToken,
    ) -> SessionEnd {
        // Since when the broker has confirmed nothing, although there was something to confirm and it took messages.
        let mut silent_since = Instant::now();
        let mut blocked = false;
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return SessionEnd::Stopped,
                job = self.jobs.recv() => {
                    let Some(job) = job else {
                        // Nobody can publish any more, but the end is for the owner to say.
                        stop.cancelled().await;
                        return SessionEnd::Stopped;
                    };
                    if confirms.is_empty() {
                        silent_since = Instant::now();
                    }
                    confirms.publish(job);
                    while let Ok(job) = self.jobs.try_recv() {
                        confirms.publish(job);
                    }
                }
                settled = confirms.settle(), if !confirms.is_empty() => {
                    silent_since = Instant::now();
                    match settled {
                        // A queue that is down refuses some at once.
                        Ok(0) => {}
                        Ok(_) => self.supervisor.confirmed(),
                        Err(cause) => return SessionEnd::Lost(cause),
                    }
                }
                _ = look.tick(), if !confirms.is_empty() && !blocked => {
                    // The queue may be down while the connection is not: connecting again declares it again.
                    if silent_since.elapsed() > self.timeout {
                        let millis = self.timeout.as_millis();
                        return SessionEnd::Silent(format!("it confirmed nothing for {millis} ms"));
                    }
                }
                incident = session.incident() => match incident {
                    Incident::Blocked(reason) => {
                        blocked = true;
                        self.supervisor.blocked(reason);
                    }
                    Incident::Unblocked => {
                        (blocked, silent_since) = (false, Instant::now());
                        self.supervisor.unblocked();
                    }
                    Incident::Lost(cause) => return SessionEnd::Lost(cause),
                },
            }
        }
    }

    async fn finish(&mut self, session: Session, mut confirms: Confirms) {
        self.jobs.close();
        while let Ok(job) = self.jobs.try_recv() {
            confirms.publish(job);
        }
        let settle = async { while !confirms.is_empty() && confirms.settle().await.is_ok() {} };
        // Those that are not confirmed by then have been answered by their own timeouts.
        let _ = timeout(self.timeout, settle).await;
        session.close().await;
    }

    /// Answers those that were handed over while the connection was being lost.
    fn refuse_waiting(&mut self, cause: &str) {
        while let Ok(job) = self.jobs.try_recv() {
            job.answer(Err(PublishError::Disconnected(cause.into())));
        }
    }
}
