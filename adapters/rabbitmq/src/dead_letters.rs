use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use keeper_domain::{DeadLetter, DeadLetterId};
use keeper_ports::billing::DeadLetters;
use keeper_ports::{PortError, PortResult};
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicQosOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation};
use tokio::time::timeout;

use crate::confirms::publish;
use crate::connection::{Broker, Session};
use crate::letter;
use crate::message;
use crate::publisher::PublishError;
use crate::topology::depth;
use crate::work::{cancel, give_back, subscribe};

/// The most dead letters that one call looks at: so many a consumer can hold unacknowledged at once.
const MAX_SEEN: u16 = u16::MAX;

/// How long the broker may take to hand over the next message that it has.
const SILENCE: Duration = Duration::from_secs(2);

const WHAT: &str = "dead letters";

/// Looks after the dead letters in the broker. Each call has a connection of its own and holds the messages that it
/// looks at: they go back when the call ends, however it ends. Up to 65,535 of them are seen by one call.
pub struct RabbitDeadLetters {
    broker: Broker,
}

impl RabbitDeadLetters {
    /// Makes the operators' view of a broker's dead letters.
    pub fn new(broker: &Broker) -> Self {
        Self { broker: broker.clone() }
    }

    /// Removes the wanted messages from the dead letters; with `to`, each is acknowledged only after its copy on that
    /// channel is confirmed.
    async fn take(
        &self,
        ids: Option<Vec<DeadLetterId>>,
        to: Option<&Channel>,
        reader: &mut Reader,
    ) -> PortResult<u64> {
        let ids: Option<HashSet<_>> = ids.map(HashSet::from_iter);
        let mut taken = 0;
        while let Some(delivery) = reader.next().await? {
            if ids
                .as_ref()
                .is_some_and(|ids| !ids.contains(&letter::id(&delivery.properties, &delivery.data)))
            {
                continue;
            }
            let tag = delivery.delivery_tag;
            if let Some(channel) = to {
                self.replay_one(channel, delivery).await?;
            }
            reader.acknowledge(tag).await?;
            taken += 1;
        }
        Ok(taken)
    }

    async fn replay_one(&self, channel: &Channel, delivery: Delivery) -> PortResult<()> {
        let queue = &self.broker.topology().queue;
        let first_seen = letter::first_seen(&delivery.properties);
        let message = message::replayed(&delivery.properties, delivery.data, first_seen, queue);
        let within = self.broker.publish_timeout();
        let error = match timeout(within, publish(channel, message)).await {
            Ok(Ok(Confirmation::Ack(None))) => return Ok(()),
            Ok(Ok(Confirmation::Nack(_) | Confirmation::NotRequested)) => PublishError::Refused,
            Ok(Ok(Confirmation::Ack(Some(_)))) => {
                PublishError::Returned("there is no order queue".to_owned())
            }
            Ok(Err(error)) => PublishError::Lost(error.to_string()),
            Err(_) => PublishError::Unconfirmed(within),
        };
        Err(PortError::unavailable("order queue", error))
    }
}

#[async_trait]
impl DeadLetters for RabbitDeadLetters {
    async fn list(&self, limit: usize) -> PortResult<Vec<DeadLetter>> {
        let mut reader = Reader::open(&self.broker).await?;
        // Giving messages back changes their order in the queue: the oldest are found by their times, their own and
        // that of the order, whose id begins with it.
        let mut oldest = BTreeMap::new();
        while let Some(delivery) = reader.next().await? {
            let letter = letter::read(&delivery.properties, delivery.data);
            oldest.insert((letter.first_seen, letter.order_id.clone(), delivery.delivery_tag), letter);
            if oldest.len() > limit {
                oldest.pop_last();
            }
        }
        reader.close().await;
        Ok(oldest.into_values().collect())
    }

    async fn replay(&self, ids: Option<Vec<DeadLetterId>>) -> PortResult<u64> {
        let mut reader = Reader::open(&self.broker).await?;
        let channel = reader.session.connection.create_channel().await.map_err(away)?;
        channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(away)?;
        let taken = self.take(ids, Some(&channel), &mut reader).await;
        reader.close().await;
        taken
    }

    async fn discard(&self, ids: Vec<DeadLetterId>) -> PortResult<u64> {
        let mut reader = Reader::open(&self.broker).await?;
        let taken = self.take(Some(ids), None, &mut reader).await;
        reader.close().await;
        taken
    }
}

/// Reads the messages that are in the dead letters when it is opened, each once.
struct Reader {
    session: Session,
    consumer: lapin::Consumer,
    left: u64,
}

impl Reader {
    async fn open(broker: &Broker) -> PortResult<Self> {
        let session = broker.connect().await.map_err(|error| PortError::unavailable(WHAT, error))?;
        Self::consume(session, &broker.topology().dead_queue).await.map_err(away)
    }

    async fn consume(session: Session, queue: &str) -> lapin::Result<Self> {
        let channel = &session.channel;
        let left = match depth(channel, queue).await? {
            // So it says too when the queue's leader does not tell within a quarter of a second.
            0 => depth(channel, queue).await?,
            left => left,
        };
        let left = left.min(MAX_SEEN.into());
        // No more than are counted: what comes later is left alone.
        let prefetch = u16::try_from(left).unwrap_or(MAX_SEEN).max(1);
        channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
        let consumer = subscribe(channel, queue).await?;
        Ok(Self { session, consumer, left })
    }

    async fn next(&mut self) -> PortResult<Option<Delivery>> {
        if self.left == 0 {
            return Ok(None);
        }
        match timeout(SILENCE, self.consumer.next()).await {
            Ok(Some(delivery)) => {
                self.left -= 1;
                delivery.map(Some).map_err(away)
            }
            Ok(None) => Err(PortError::unavailable(WHAT, "the broker ended the consumer")),
            // Somebody else took some of them meanwhile.
            Err(_) => Ok(None),
        }
    }

    async fn acknowledge(&mut self, tag: u64) -> PortResult<()> {
        let channel = &self.session.channel;
        channel.basic_ack(tag, BasicAckOptions::default()).await.map_err(away)
    }

    /// Gives back what it has looked at, so that the next call finds it. The queue does one thing after the other: with
    /// the answer to the second, the first is done.
    async fn close(self) {
        let channel = &self.session.channel;
        let given_back = async {
            give_back(channel).await?;
            cancel(channel, &self.consumer).await
        };
        // What is not given back in time is given back by the end of the connection.
        let _ = timeout(SILENCE, given_back).await;
        self.session.close().await;
    }
}

fn away(error: lapin::Error) -> PortError {
    PortError::unavailable(WHAT, error)
}
