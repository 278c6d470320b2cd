use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use futures_util::StreamExt;
use keeper_domain::Coverage;
use keeper_ports::{PortError, PortResult};
use lapin::Channel;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicGetOptions, BasicNackOptions, BasicQosOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use tokio::time::{Instant, sleep, timeout};

use crate::connection::{Broker, ConnectionRole, Session, cancel, requeue_all, subscribe};

/// The most messages that a reader holds.
const MAX_UNACKNOWLEDGED: u64 = u16::MAX as u64;

/// How many messages are on their way to us at once: at first, and at most.
const FIRST_PAGE: u64 = 16;
const MAX_PAGE: u64 = 100;

/// About how many bytes may be on their way, by the largest message that came so far.
const PAGE_BYTES: u64 = 16 * 1024 * 1024;

/// How long the broker may take to hand over the next message that it has, and to end a consumer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// How long to wait for another reader. One that was killed is gone within milliseconds; an operator who waits for one that
/// goes on wants to know.
const TURN_TIMEOUT: Duration = Duration::from_secs(3);

/// How often the broker is asked again that does not know.
const MAX_QUESTIONS: usize = 10;

const PORT: &str = "dead letters";

/// Reads the messages that are in the dead letters when it is opened, each once, and nobody else does meanwhile.
///
/// The broker tells how many messages are ready, not how many some consumer holds. So each reader makes sure that it is the
/// only consumer: then all are ready. It subscribes first and counts the consumers afterwards, so that of two who come at
/// the same time at least one sees the other. A consumer that was killed is counted until its messages are back.
///
/// The messages come page by page, as all that are on their way are in memory: each page has a consumer of its own, since the
/// broker counts what a consumer holds, and takes no other limit for one that is there.
pub(crate) struct DeadLetterReader {
    session: Session,
    queue: String,
    coverage: Coverage,
    page: Page,
    unacknowledged: u64,
    largest: u64,
}

/// A consumer that gets at most so many messages, and how many of them were read and not acknowledged.
struct Page {
    consumer: lapin::Consumer,
    size: u64,
    unacknowledged: u64,
}

impl Page {
    async fn open(channel: &Channel, queue: &str, size: u64) -> lapin::Result<Self> {
        let prefetch = u16::try_from(size).unwrap_or(u16::MAX).max(1);
        channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
        let consumer = subscribe(channel, queue).await?;
        Ok(Self { consumer, size: prefetch.into(), unacknowledged: 0 })
    }
}

/// A queue as the broker counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counts {
    ready: u64,
    consumers: u32,
}

/// Why nobody else may read now.
#[derive(Debug, thiserror::Error)]
#[error(
    "another dead-letter command, or another consumer of `{queue}`, is at work and holds messages; try again when it has ended"
)]
struct InUse {
    queue: String,
}

impl DeadLetterReader {
    /// Connects, and waits for its turn.
    pub(crate) async fn open(broker: &Broker) -> PortResult<Self> {
        let session = broker
            .connect(ConnectionRole::DeadLetters)
            .await
            .map_err(|error| PortError::unavailable(PORT, error))?;
        let queue = broker.topology().dead_queue.clone();
        let deadline = Instant::now() + TURN_TIMEOUT;
        loop {
            if let Some((page, total)) = subscribe_alone(&session.channel, &queue).await? {
                let coverage = Coverage { seen: 0, total };
                return Ok(Self { session, queue, coverage, page, unacknowledged: 0, largest: 1 });
            }
            if Instant::now() > deadline {
                session.close().await;
                return Err(PortError::unavailable(PORT, InUse { queue }));
            }
            // Two who came at the same time do not come again at the same time.
            sleep(Duration::from_millis(20 + RandomState::new().hash_one(()) % 180)).await;
        }
    }

    /// A further channel of the connection.
    pub(crate) async fn channel(&mut self) -> PortResult<Channel> {
        self.session.connection.create_channel().await.map_err(broker_error)
    }

    /// How many messages it has read so far, and of how many.
    pub(crate) fn coverage(&self) -> Coverage {
        self.coverage
    }

    /// The next message; `None` when all were read, or when no more can be delivered.
    pub(crate) async fn next(&mut self) -> PortResult<Option<Delivery>> {
        let mut empty = 0;
        for _ in 0..MAX_QUESTIONS {
            if self.coverage.is_whole() || self.unacknowledged == MAX_UNACKNOWLEDGED {
                return Ok(None);
            }
            if self.page.unacknowledged == self.page.size {
                self.turn_page().await.map_err(broker_error)?;
            }
            match timeout(ANSWER_TIMEOUT, self.page.consumer.next()).await {
                Ok(Some(delivery)) => {
                    let delivery = delivery.map_err(broker_error)?;
                    self.coverage.seen += 1;
                    self.unacknowledged += 1;
                    self.page.unacknowledged += 1;
                    self.largest = self.largest.max(delivery.data.len() as u64);
                    return Ok(Some(delivery));
                }
                Ok(None) => return Err(PortError::unavailable(PORT, "the broker ended the consumer")),
                // The broker is slow, or somebody took some between the count and the subscription. It answers that the
                // queue is empty after all that it has sent to us: what was on its way is here at the second time.
                Err(_) => {
                    let more = has_message(&self.session.channel, &self.queue).await.map_err(broker_error)?;
                    empty = if more { 0 } else { empty + 1 };
                    if empty > 1 {
                        self.coverage.total = self.coverage.seen;
                    }
                }
            }
        }
        Ok(None)
    }

    /// Subscribes for more before the last consumer ends: at each moment somebody who comes sees that there is one.
    async fn turn_page(&mut self) -> lapin::Result<()> {
        let fit = (PAGE_BYTES / self.largest).clamp(1, MAX_PAGE);
        let wanted = self.coverage.total - self.coverage.seen;
        let left = wanted.min(MAX_UNACKNOWLEDGED - self.unacknowledged);
        let size = (2 * self.page.size).min(fit).min(left);
        let next = Page::open(&self.session.channel, &self.queue, size).await?;
        let last = std::mem::replace(&mut self.page, next);
        cancel(&self.session.channel, &last.consumer).await
    }

    /// Removes the message that was read last.
    pub(crate) async fn acknowledge(&mut self, tag: u64) -> PortResult<()> {
        let channel = &self.session.channel;
        channel.basic_ack(tag, BasicAckOptions::default()).await.map_err(broker_error)?;
        self.unacknowledged -= 1;
        self.page.unacknowledged -= 1;
        Ok(())
    }

    /// Gives back what it has looked at, so that the next call finds it. The queue does one thing after the other: with
    /// the end of the consumer, the acknowledgements are done.
    ///
    /// # Errors
    /// Whether messages were removed that were acknowledged is not known.
    pub(crate) async fn close(self) -> PortResult<()> {
        let channel = &self.session.channel;
        let ended = timeout(ANSWER_TIMEOUT, async {
            cancel(channel, &self.page.consumer).await?;
            requeue_all(channel).await
        });
        let ended = ended.await;
        self.session.close().await;
        match ended {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(PortError::timed_out(PORT, error)),
            Err(error) => Err(PortError::timed_out(PORT, error)),
        }
    }
}

/// Becomes the only consumer, and says how many messages were there; `None` when somebody else is.
async fn subscribe_alone(channel: &Channel, queue: &str) -> PortResult<Option<(Page, u64)>> {
    let before = counts(channel, queue).await.map_err(broker_error)?;
    if before.consumers > 0 {
        return Ok(None);
    }
    // A broker that is slow says that there is nothing: one message is asked for, which it must answer.
    if before.ready == 0 && has_message(channel, queue).await.map_err(broker_error)? {
        return Ok(None);
    }
    // No more than are counted: what comes later is left alone.
    let page = Page::open(channel, queue, before.ready.min(FIRST_PAGE)).await.map_err(broker_error)?;
    for _ in 0..MAX_QUESTIONS {
        match counts(channel, queue).await.map_err(broker_error)?.consumers {
            // It does not know us: it did not find out in time.
            0 => {}
            1 => return Ok(Some((page, before.ready))),
            _ => {
                cancel(channel, &page.consumer).await.map_err(broker_error)?;
                requeue_all(channel).await.map_err(broker_error)?;
                return Ok(None);
            }
        }
    }
    Err(PortError::unavailable(PORT, "the broker does not tell who reads them"))
}

/// How many messages of a queue are ready, and how many consumers it has; nothing of both, too, when the queue's leader does
/// not tell within a quarter of a second.
async fn counts(channel: &Channel, queue: &str) -> lapin::Result<Counts> {
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare(queue.into(), passive, FieldTable::default()).await?;
    Ok(Counts { ready: queue.message_count().into(), consumers: queue.consumer_count() })
}

/// Says whether a message is ready; it stays.
async fn has_message(channel: &Channel, queue: &str) -> lapin::Result<bool> {
    let Some(message) = channel.basic_get(queue.into(), BasicGetOptions::default()).await? else {
        return Ok(false);
    };
    let requeue = BasicNackOptions { multiple: false, requeue: true };
    channel.basic_nack(message.delivery_tag, requeue).await?;
    Ok(true)
}

pub(crate) fn broker_error(error: lapin::Error) -> PortError {
    PortError::unavailable(PORT, error)
}
