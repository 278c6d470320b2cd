//! Messages that go on to another place before they are acknowledged.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use keeper_domain::{DeadLetterReason, Refusal};
use keeper_ports::{Backoff, Clock};
use keeper_telemetry::traced::Messaging;
use lapin::message::Delivery;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tracing::warn;

use super::origin::Origin;
use crate::connection::Topology;
use crate::dead_letters::{dead_letter, identified, put_back};
use crate::publisher::properties::request_context;
use crate::publisher::{Outgoing, PublishError, Publisher};

/// The pauses between attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The most messages without an identity that are on their way with one: so many, at most, are in two places when the process
/// or its connection ends just then. RabbitMQ's client of quorum queues carries out so many acknowledgements at once; others
/// would wait, and be forgotten if the channel ended meanwhile (`rabbit_fifo_client`).
const MAX_IDENTIFYING: usize = 32;

/// Where a message is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forwarded {
    /// Among the dead letters.
    DeadLettered(DeadLetterReason),
    /// In its queue, with an identity.
    PutBack,
}

/// A message on its way, with the tag of its delivery.
type Forward = Pin<Box<dyn Future<Output = (u64, Forwarded)> + Send>>;

/// Publishes messages to other places, and tries until the broker has confirmed each.
#[derive(Clone)]
pub(crate) struct Forwarder {
    publisher: Publisher,
    topology: Topology,
    clock: Arc<dyn Clock>,
    identifying: Arc<Semaphore>,
    /// The log knows that messages cannot be forwarded.
    logged: Arc<AtomicBool>,
}

impl Forwarder {
    pub(crate) fn new(publisher: Publisher, topology: Topology, clock: Arc<dyn Clock>) -> Self {
        let identifying = Arc::new(Semaphore::new(MAX_IDENTIFYING));
        Self { publisher, topology, clock, identifying, logged: Arc::default() }
    }

    /// Sends a message to the dead letters. Dropping the future gives it up.
    pub(crate) fn dead_letter(&self, delivery: Delivery, refusal: &Refusal) -> Forward {
        let context = request_context(&delivery.properties);
        let message_id = delivery.properties.message_id().as_ref().map(ToString::to_string);
        let (tag, message) = (delivery.delivery_tag, self.message_for(delivery, refusal));
        let (forwarder, reason) = (self.clone(), refusal.reason);
        Box::pin(async move {
            // The message keeps the context that it came with: a replay continues the trace of its order.
            let _span = context.and_then(|context| {
                let queue = Messaging::rabbitmq(&forwarder.topology.queue).dead_letters();
                queue.sending(&context, message_id.as_deref(), None)
            });
            forwarder.publish_dead_letter(message).await;
            (tag, Forwarded::DeadLettered(reason))
        })
    }

    /// Sends a message to the dead letters, with an identity that it does not have.
    pub(crate) fn dead_letter_as(&self, id: &str, mut delivery: Delivery, refusal: &Refusal) -> Forward {
        delivery.properties = identified(&delivery.properties, id, self.clock.now());
        let (forward, identifying) = (self.dead_letter(delivery, refusal), Arc::clone(&self.identifying));
        Box::pin(async move {
            // It is never closed.
            let _permit = identifying.acquire().await;
            forward.await
        })
    }

    /// Puts a message back into its queue with an identity that it does not have; to the dead letters where the queue
    /// takes no more: waiting for room would take the place of the messages that make room.
    pub(crate) fn put_back_as(&self, id: &str, delivery: Delivery, refusal: &Refusal) -> Forward {
        let (tag, now) = (delivery.delivery_tag, self.clock.now());
        let copy = put_back(&delivery.properties, delivery.data.clone(), id, now, &self.topology.queue);
        let (forwarder, id, refusal) = (self.clone(), id.to_owned(), refusal.clone());
        Box::pin(async move {
            let permit = forwarder.identifying.acquire().await;
            let attempt = forwarder.publish_unless_refused(copy).await;
            drop(permit);
            match attempt {
                Attempt::Confirmed => (tag, Forwarded::PutBack),
                Attempt::Refused => forwarder.dead_letter_as(&id, delivery, &refusal).await,
            }
        })
    }

    /// What is published to the dead letters.
    fn message_for(&self, delivery: Delivery, refusal: &Refusal) -> Outgoing {
        let Delivery { properties, data, .. } = delivery;
        let Origin { message_id, request_id, trace_id, span_id } = Origin::of(&properties);
        let (reason, detail) = (refusal.reason.as_str(), &refusal.detail);
        warn!(
            reason,
            detail, message_id, request_id, trace_id, span_id, "a message goes to the dead letters"
        );
        dead_letter(&properties, data, refusal, self.clock.now(), &self.topology)
    }

    /// Publishes a dead letter, however many attempts it takes.
    async fn publish_dead_letter(&self, message: Outgoing) {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        while let Attempt::Refused = self.publish_unless_refused(message.clone()).await {
            self.report(&message, &PublishError::Refused);
            sleep(backoff.failed()).await;
        }
    }

    /// Publishes a message, however many attempts it takes, unless the broker refuses it.
    async fn publish_unless_refused(&self, message: Outgoing) -> Attempt {
        let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            match self.publisher.publish(message.clone()).await {
                Ok(()) => {
                    self.logged.store(false, Ordering::Relaxed);
                    return Attempt::Confirmed;
                }
                Err(PublishError::Refused) => return Attempt::Refused,
                // The publisher's own connection says so itself.
                Err(PublishError::Disconnected(_) | PublishError::Blocked(_)) => {}
                Err(error) => self.report(&message, &error),
            }
            sleep(backoff.failed()).await;
        }
    }

    /// Logs the first failure of a row, and whose message it was.
    fn report(&self, message: &Outgoing, error: &PublishError) {
        if !self.logged.swap(true, Ordering::Relaxed) {
            let Origin { message_id, request_id, trace_id, span_id } = Origin::of(&message.properties);
            let to = &message.routing_key;
            warn!(
                to,
                %error, message_id, request_id, trace_id, span_id, "messages cannot be moved on; trying again"
            );
        }
    }
}

/// What came of publishing a message.
enum Attempt {
    Confirmed,
    /// As the broker does when the queue is full.
    Refused,
}

/// The deliveries of one session that are on their way to another place. They are not acknowledged before they are there.
#[derive(Default)]
pub(crate) struct Forwards {
    under_way: FuturesUnordered<Forward>,
    tags: BTreeSet<u64>,
}

impl Forwards {
    pub(crate) fn add(&mut self, tag: u64, forward: Forward) {
        self.tags.insert(tag);
        self.under_way.push(forward);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tags.is_empty()
    }

    /// The tag of the oldest delivery that is under way.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.tags.first().copied()
    }

    /// Waits for the next that is there, if any is under way. It is safe to be dropped and called again.
    pub(crate) async fn next(&mut self) -> Option<(u64, Forwarded)> {
        let (tag, forwarded) = self.under_way.next().await?;
        self.tags.remove(&tag);
        Some((tag, forwarded))
    }
}
