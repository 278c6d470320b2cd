//! The consumer's work over one session.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::Fuse;
use futures_util::{FutureExt, StreamExt};
use keeper_ports::{Backoff, PortError};
use lapin::message::Delivery;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use super::acks::{Ack, acks};
use super::forward::{Forwarded, Forwarder, Forwards};
use super::handler::{MessageHandler, Outcome};
use super::origin::Origin;
use super::session::ConsumerSession;
use crate::connection::{Incident, SessionEnd};

/// The most messages of one batch. Below the default prefetch, so that the next batch comes while this one is settled.
const MAX_BATCH: usize = 250;

/// How long a batch waits for more messages when they come in numbers: each batch costs the broker and the database a
/// write to the disk, however few messages it has. A message that comes alone does not wait.
const LINGER: Duration = Duration::from_millis(10);

/// How long a batch that cannot be handled is kept unacknowledged. The broker takes back what is not acknowledged
/// within its `consumer_timeout` (half an hour, a minute at least), and ends the channel with it; and before RabbitMQ
/// 4.3 each return counts towards the queue's delivery limit. So messages are given back, once, long before that, and
/// taken again when the batch that could not be handled has been.
const MAX_UNACKNOWLEDGED: Duration = Duration::from_secs(5);

/// How long what was delivered before a stop may take. What is not settled by then is delivered again later. With what
/// the connections take to close, it is less than the supervisor of the unit waits for a task.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(5);

/// A unit's stop, and the deadline that begins with it.
pub(crate) struct Shutdown {
    requested: CancellationToken,
    deadline: CancellationToken,
    _timer: AbortOnDropHandle<()>,
}

impl Shutdown {
    pub(crate) fn new(requested: &CancellationToken) -> Self {
        let deadline = CancellationToken::new();
        let (stop, token) = (requested.clone(), deadline.clone());
        let timer = tokio::spawn(async move {
            stop.cancelled().await;
            sleep(SHUTDOWN_DEADLINE).await;
            token.cancel();
        });
        Self { requested: requested.clone(), deadline, _timer: AbortOnDropHandle::new(timer) }
    }

    /// Waits for something, but not beyond the deadline.
    async fn within_deadline<T>(&self, work: impl Future<Output = T>) -> Result<T, SessionEnd> {
        self.deadline.run_until_cancelled(work).await.ok_or(SessionEnd::Stopped)
    }
}

/// What a consumer is made of, whatever its session.
pub(crate) struct Parts {
    pub(crate) queue: String,
    pub(crate) handler: Arc<dyn MessageHandler>,
    pub(crate) forwarder: Forwarder,
}

/// Settles the messages of one session.
pub(crate) struct Worker<'a, S: ConsumerSession> {
    parts: &'a Parts,
    session: &'a mut S,
    shutdown: &'a Shutdown,
    /// The library says only once that a consumer has ended, and nothing afterwards.
    deliveries: Fuse<S::Deliveries>,
    forwards: Forwards,
    backoff: Backoff,
    last_batch: usize,
    stopping: bool,
}

/// What came of handling a batch.
enum Handled {
    /// It was handled.
    Outcomes(Vec<Outcome>),
    /// It cannot be handled for now.
    NotNow,
}

impl<'a, S: ConsumerSession> Worker<'a, S> {
    pub(crate) fn new(
        parts: &'a Parts,
        session: &'a mut S,
        deliveries: S::Deliveries,
        shutdown: &'a Shutdown,
    ) -> Self {
        let (deliveries, forwards) = (deliveries.fuse(), Forwards::default());
        let backoff = Backoff::of_handling();
        Self { parts, session, shutdown, deliveries, forwards, backoff, last_batch: 0, stopping: false }
    }

    /// Settles messages until the session ends.
    pub(crate) async fn run(mut self) -> SessionEnd {
        loop {
            match self.next().await {
                Ok(()) => {}
                Err(SessionEnd::Stopped) => {
                    self.finish_forwards().await;
                    return SessionEnd::Stopped;
                }
                Err(lost) => return lost,
            }
        }
    }

    /// Waits for the next thing that happens, and deals with it.
    async fn next(&mut self) -> Result<(), SessionEnd> {
        let drained = self.stopping && self.deliveries.is_done();
        if drained && self.forwards.is_empty() {
            return Err(SessionEnd::Stopped);
        }
        tokio::select! {
            // In this order, and not at random: a stop is heard however much there is to do; what is confirmed leaves
            // before more comes; a lost session ends before its last messages are handled in vain. None of these can
            // hold up the messages, since each comes of something that has an end. And a simulated run can be repeated.
            biased;
            () = self.shutdown.deadline.cancelled() => Err(SessionEnd::Stopped),
            () = self.shutdown.requested.cancelled(), if !self.stopping => {
                self.stopping = true;
                let cancelled = self.session.cancel(self.deliveries.get_ref());
                Ok(self.shutdown.within_deadline(cancelled).await??)
            }
            incident = self.session.incident() => lost_by(incident),
            Some((tag, forwarded)) = self.forwards.next() => self.forwarded(tag, forwarded).await,
            delivery = self.deliveries.next(), if !drained => match delivery {
                Some(first) => {
                    let batch = self.batch(first?).await;
                    self.settle(batch).await
                }
                None if self.stopping => Ok(()),
                None => {
                    let cause = "the broker ended the consumer, as it does when the queue goes";
                    Err(SessionEnd::Lost(cause.to_owned()))
                }
            },
        }
    }

    /// A batch of the first delivery and those that are there already.
    async fn batch(&mut self, first: Delivery) -> Vec<Delivery> {
        if self.last_batch > 1 {
            sleep(LINGER).await;
        }
        let mut batch = vec![first];
        while batch.len() < MAX_BATCH {
            // An error ends the deliveries: the next look finds that end.
            let Some(Some(Ok(delivery))) = self.deliveries.next().now_or_never() else { break };
            batch.push(delivery);
        }
        self.last_batch = batch.len();
        batch
    }

    /// Has a batch handled and does what is to become of each message; gives it back where that takes too long.
    async fn settle(&mut self, batch: Vec<Delivery>) -> Result<(), SessionEnd> {
        let until = Instant::now() + MAX_UNACKNOWLEDGED;
        match self.handle(&batch, Some(until)).await? {
            Handled::Outcomes(outcomes) => self.carry_out(batch, outcomes).await,
            Handled::NotNow => self.wait_without_messages(batch).await,
        }
    }

    /// Has a batch handled, in as many attempts as it takes; with `until`, none begins after that.
    async fn handle(&mut self, batch: &[Delivery], until: Option<Instant>) -> Result<Handled, SessionEnd> {
        loop {
            match self.shutdown.within_deadline(self.parts.handler.handle(batch)).await? {
                Ok(outcomes) => {
                    self.succeeded();
                    return Ok(Handled::Outcomes(outcomes));
                }
                Err(error) => {
                    let pause = self.failed(batch, &error);
                    if until.is_some_and(|until| until <= Instant::now()) {
                        return Ok(Handled::NotNow);
                    }
                    self.rest(pause).await?;
                }
            }
        }
    }

    async fn carry_out(&mut self, batch: Vec<Delivery>, outcomes: Vec<Outcome>) -> Result<(), SessionEnd> {
        let forwarder = &self.parts.forwarder;
        let mut settled = Vec::with_capacity(batch.len());
        for (delivery, outcome) in batch.into_iter().zip(outcomes) {
            let tag = delivery.delivery_tag;
            let forward = match outcome {
                Outcome::Settled => {
                    settled.push(tag);
                    continue;
                }
                Outcome::DeadLetter(refusal) => forwarder.dead_letter(delivery, &refusal),
                Outcome::DeadLetterAs { message_id, refusal } => {
                    forwarder.dead_letter_as(&message_id, delivery, &refusal)
                }
                Outcome::PutBackAs { message_id, refusal } => {
                    forwarder.put_back_as(&message_id, delivery, &refusal)
                }
            };
            self.forwards.add(tag, forward);
        }
        for ack in acks(&settled, self.forwards.oldest()) {
            self.session.acknowledge(ack).await?;
        }
        Ok(())
    }

    /// Gives back what was delivered, waits until this batch can be handled, and takes messages again. Those of the
    /// batch will come again, and are recognised.
    async fn wait_without_messages(&mut self, batch: Vec<Delivery>) -> Result<(), SessionEnd> {
        let cancelled = self.session.cancel(self.deliveries.get_ref());
        self.shutdown.within_deadline(cancelled).await??;
        let mut tags: Vec<u64> = batch.iter().map(|delivery| delivery.delivery_tag).collect();
        // What is on its way to another place is not given back: it would be in both.
        while let Some(delivery) = self.shutdown.within_deadline(self.deliveries.next()).await? {
            tags.push(delivery?.delivery_tag);
        }
        for tag in tags {
            self.shutdown.within_deadline(self.session.requeue(tag)).await??;
        }
        self.handle(&batch, None).await?;
        let consuming = self.session.subscribe(&self.parts.queue);
        self.deliveries = self.shutdown.within_deadline(consuming).await??.fuse();
        Ok(())
    }

    /// Pauses, unless the session is lost meanwhile or the unit is to stop.
    async fn rest(&mut self, pause: Duration) -> Result<(), SessionEnd> {
        let until = Instant::now() + pause;
        loop {
            tokio::select! {
                biased;
                () = self.shutdown.requested.cancelled() => return Err(SessionEnd::Stopped),
                incident = self.session.incident() => lost_by(incident)?,
                Some((tag, forwarded)) = self.forwards.next() => self.forwarded(tag, forwarded).await?,
                () = sleep_until(until) => return Ok(()),
            }
        }
    }

    /// Acknowledges a delivery that is in another place now.
    async fn forwarded(&mut self, tag: u64, forwarded: Forwarded) -> Result<(), SessionEnd> {
        if let Forwarded::DeadLettered(reason) = forwarded {
            self.parts.handler.dead_lettered(reason);
        }
        self.session.acknowledge(Ack { tag, multiple: false }).await
    }

    /// Before a stop, waits until the deadline for what is on its way to another place.
    async fn finish_forwards(&mut self) {
        while !self.forwards.is_empty() {
            let Ok(Some((tag, forwarded))) = self.shutdown.within_deadline(self.forwards.next()).await else {
                warn!("some messages were not confirmed in their other place; they may be in both");
                return;
            };
            if self.forwarded(tag, forwarded).await.is_err() {
                return;
            }
        }
    }

    /// Logs the first failure of a row with the first message of its batch, and says how long to wait before the next attempt.
    fn failed(&mut self, batch: &[Delivery], error: &PortError) -> Duration {
        if !self.backoff.is_failing() {
            let first = batch.first().map(|first| Origin::of(&first.properties));
            let Origin { message_id, request_id, trace_id, span_id } = first.unwrap_or_default();
            let (queue, error, messages) = (&self.parts.queue, error.chain(), batch.len());
            let says = "messages cannot be processed; trying again";
            warn!(queue, error, messages, message_id, request_id, trace_id, span_id, "{says}");
        }
        self.backoff.failed()
    }

    /// Logs that a row of failures is over.
    fn succeeded(&mut self) {
        if self.backoff.is_failing() {
            info!(queue = self.parts.queue, "messages are processed again");
        }
        self.backoff.succeeded();
    }
}

/// A consumer's connection publishes nothing: it does not mind that the broker takes no messages.
fn lost_by(incident: Incident) -> Result<(), SessionEnd> {
    match incident {
        Incident::Lost(cause) => Err(SessionEnd::Lost(cause)),
        Incident::Blocked(_) | Incident::Unblocked => Ok(()),
    }
}
