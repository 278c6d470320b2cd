//! Publishes with confirms: many messages share a channel, none waits for another's confirm, and only one that the
//! broker has taken responsibility for counts as published.
//!
//! One task owns the channel, for two reasons of the library (lapin 4.12), both of which would lose orders:
//!
//! * it numbers a message and queues its frames in two steps: messages that two threads publish on one channel at the
//!   same time may get each other's confirm;
//! * it hands a returned (unroutable) message to whichever confirm it settles next, and a broker may confirm several at
//!   once: so all confirms that have come are looked at before any is answered, and after a return none of the channel
//!   is believed ([`Confirms`]).

use std::sync::Arc;
use std::time::Duration;

use lapin::BasicProperties;
use lapin::options::ConfirmSelectOptions;
use prometheus::IntGauge;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::confirms::Confirms;
use crate::connection::{Broker, Incident, Session};
use crate::link::{Link, LinkState, NOT_YET};
use crate::metrics::Side;

/// How many messages may wait for their confirm: the bound of the publisher's memory.
const MAX_UNCONFIRMED: usize = 5_000;

/// Why a message is not published, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum PublishError {
    #[error("no connection to the broker: {0}")]
    Disconnected(Arc<str>),
    #[error("the broker takes no messages: {0}")]
    Blocked(Arc<str>),
    #[error("{MAX_UNCONFIRMED} messages wait for the broker's confirm already")]
    Full,
    #[error("the broker refused the message, as it does when the queue is full")]
    Refused,
    #[error("the broker returned the message: {0}")]
    Returned(String),
    #[error("the connection was lost before the broker confirmed the message: {0}")]
    Lost(String),
    #[error("the broker did not confirm the message within {} ms", .0.as_millis())]
    Unconfirmed(Duration),
}

/// A message to be published.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    /// The exchange; empty for the one that leads to the queue named by the routing key.
    pub(crate) exchange: String,
    pub(crate) routing_key: String,
    pub(crate) properties: BasicProperties,
    pub(crate) body: Vec<u8>,
}

/// A message on its way, and who waits for it.
pub(crate) struct Job<M> {
    message: M,
    answer: oneshot::Sender<Result<(), PublishError>>,
    slot: Slot,
}

impl<M> Job<M> {
    #[cfg(test)]
    pub(crate) fn new(message: M, answer: oneshot::Sender<Result<(), PublishError>>) -> Self {
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().expect("it is free");
        let unconfirmed = IntGauge::new("unconfirmed", "a test").expect("it is a name");
        Self { message, answer, slot: Slot { _permit: permit, unconfirmed } }
    }

    pub(crate) fn split(self) -> (M, Job<()>) {
        let Self { message, answer, slot } = self;
        (message, Job { message: (), answer, slot })
    }

    /// Nobody waits for the answer any more.
    pub(crate) fn is_given_up(&self) -> bool {
        self.answer.is_closed()
    }

    pub(crate) fn answer(self, answer: Result<(), PublishError>) {
        drop(self.slot);
        // Who no longer waits needs no answer.
        let _ = self.answer.send(answer);
    }
}

/// A slot among the unconfirmed, free again when it is dropped.
struct Slot {
    _permit: OwnedSemaphorePermit,
    unconfirmed: IntGauge,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.unconfirmed.dec();
    }
}

/// Hands messages to the task that publishes them.
#[derive(Clone)]
pub(crate) struct Publisher {
    jobs: mpsc::UnboundedSender<Job<Outgoing>>,
    state: watch::Receiver<LinkState>,
    slots: Arc<Semaphore>,
    unconfirmed: IntGauge,
    timeout: Duration,
}

impl Publisher {
    pub(crate) fn new(broker: &Broker, side: Side) -> (Self, PublisherTask) {
        let link = Link::new(broker.clone(), side);
        let (jobs, received) = mpsc::unbounded_channel();
        let publisher = Self {
            jobs,
            state: link.watch(),
            slots: Arc::new(Semaphore::new(MAX_UNCONFIRMED)),
            unconfirmed: broker.metrics().unconfirmed(),
            timeout: broker.publish_timeout(),
        };
        (publisher, PublisherTask { link, jobs: received, timeout: broker.publish_timeout() })
    }

    pub(crate) fn state(&self) -> watch::Receiver<LinkState> {
        self.state.clone()
    }

    /// Publishes a message and waits for the broker's confirm. After an error the message may be there all the same.
    pub(crate) async fn publish(&self, message: Outgoing) -> Result<(), PublishError> {
        let deadline = Instant::now() + self.timeout;
        self.check(deadline).await?;
        let permit = Arc::clone(&self.slots).try_acquire_owned().map_err(|_| PublishError::Full)?;
        self.unconfirmed.inc();
        let slot = Slot { _permit: permit, unconfirmed: self.unconfirmed.clone() };
        let (answer, answered) = oneshot::channel();
        let stopped = || PublishError::Disconnected("shutting down".into());
        self.jobs.send(Job { message, answer, slot }).map_err(|_| stopped())?;
        match timeout_at(deadline, answered).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(stopped())),
            Err(_) => Err(PublishError::Unconfirmed(self.timeout)),
        }
    }

    /// Says at once that nothing can be published now; but the first attempt to connect is waited for, so that nobody
    /// is refused only because the process has just started.
    async fn check(&self, deadline: Instant) -> Result<(), PublishError> {
        let mut state = self.state.clone();
        let attempted = state.wait_for(|state| *state != LinkState::Connecting);
        // When it does not end in time, the state says so.
        let _ = timeout_at(deadline, attempted).await;
        match &*state.borrow() {
            LinkState::Up => Ok(()),
            LinkState::Connecting => Err(PublishError::Disconnected(NOT_YET.into())),
            LinkState::Down(cause) => Err(PublishError::Disconnected(Arc::clone(cause))),
            LinkState::Blocked(reason) => Err(PublishError::Blocked(Arc::clone(reason))),
        }
    }
}

/// The task that publishes. Nothing is published unless it runs.
pub struct PublisherTask {
    link: Link,
    jobs: mpsc::UnboundedReceiver<Job<Outgoing>>,
    timeout: Duration,
}

impl PublisherTask {
    /// Keeps a connection and publishes on it until `stop`; then waits for the confirms that are still to come, no
    /// longer than any of them is waited for, and closes the connection.
    pub async fn run(mut self, stop: CancellationToken) {
        while let Some(session) = self.link.session(&stop).await {
            match self.serve(session, &stop).await {
                Some(cause) => {
                    self.refuse_waiting(&cause);
                    if self.link.lost(cause, &stop).await.is_none() {
                        break;
                    }
                }
                None => break,
            }
        }
        self.link.stopped();
        self.jobs.close();
        self.refuse_waiting("shutting down");
    }

    /// Publishes until the session is lost, and says why; `None` when it is to stop.
    async fn serve(&mut self, mut session: Session, stop: &CancellationToken) -> Option<String> {
        if let Err(error) = session.channel.confirm_select(ConfirmSelectOptions::default()).await {
            return Some(error.to_string());
        }
        let mut confirms = Confirms::new(session.channel.clone());
        self.link.up();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                job = self.jobs.recv() => {
                    let Some(job) = job else {
                        // Nobody can publish any more, but the end is for the owner to say.
                        stop.cancelled().await;
                        break;
                    };
                    confirms.publish(job);
                    while let Ok(job) = self.jobs.try_recv() {
                        confirms.publish(job);
                    }
                }
                lost = confirms.settle(), if !confirms.is_empty() => {
                    if let Err(cause) = lost {
                        confirms.abandon(&cause);
                        return Some(cause);
                    }
                }
                incident = session.incident() => match incident {
                    Incident::Blocked(reason) => self.link.blocked(Some(reason)),
                    Incident::Unblocked => self.link.blocked(None),
                    Incident::Lost(cause) => {
                        confirms.abandon(&cause);
                        return Some(cause);
                    }
                },
            }
        }
        self.finish(session, confirms).await;
        None
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
