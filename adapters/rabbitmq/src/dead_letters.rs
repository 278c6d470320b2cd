use std::collections::{BTreeMap, HashSet};

use async_trait::async_trait;
use keeper_domain::{DeadLetterId, DeadLetterList, DeadLettersTaken};
use keeper_ports::billing::{DeadLetters, Keep};
use keeper_ports::{PortError, PortResult};
use lapin::message::Delivery;
use lapin::options::ConfirmSelectOptions;
use lapin::{Channel, Confirmation};
use tokio::time::timeout;

use crate::confirms::publish;
use crate::connection::Broker;
use crate::dead_letter_reader::{Reader, away};
use crate::letter;
use crate::message;
use crate::publisher::PublishError;

/// Where a message is before it leaves the dead letters.
enum Way {
    /// In the order queue, confirmed on this channel.
    Replay(Channel),
    /// Kept by the caller.
    Discard(Keep),
}

/// Looks after the dead letters in the broker. Each call has a connection of its own and holds the messages that it
/// looks at: they go back when the call ends, however it ends. One call at a time, of all processes: another one that comes
/// meanwhile waits for a moment, and is then `Unavailable`. Up to 65,535 dead letters are held by one call.
pub struct RabbitDeadLetters {
    broker: Broker,
}

impl RabbitDeadLetters {
    /// Makes the operators' view of a broker's dead letters.
    pub fn new(broker: &Broker) -> Self {
        Self { broker: broker.clone() }
    }

    async fn send(&self, delivery: Delivery, way: &Way) -> PortResult<()> {
        match way {
            Way::Replay(channel) => self.replay_one(channel, delivery).await,
            Way::Discard(keep) => keep(&letter::read(&delivery.properties, delivery.data)),
        }
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

    /// Looks at all that there are, and keeps the oldest of those that are wanted.
    async fn look(&self, limit: usize, wanted: Option<DeadLetterId>) -> PortResult<DeadLetterList> {
        let mut reader = Reader::open(&self.broker).await?;
        // Giving messages back changes their order in the queue: the oldest are found by their times, their own and
        // that of the order, whose id begins with it.
        let mut oldest = BTreeMap::new();
        while let Some(delivery) = reader.next().await? {
            if wanted.is_some_and(|id| id != letter::id(&delivery.properties, &delivery.data)) {
                continue;
            }
            let letter = letter::read(&delivery.properties, delivery.data);
            oldest.insert((letter.first_seen, letter.order_id.clone(), delivery.delivery_tag), letter);
            if oldest.len() > limit {
                oldest.pop_last();
            }
        }
        let coverage = reader.coverage();
        // What is not given back now is given back by the end of the connection.
        let _ = reader.close().await;
        Ok(DeadLetterList { letters: oldest.into_values().collect(), coverage })
    }

    /// Removes the wanted messages, each after it went where it is to go.
    async fn take(
        &self,
        mut reader: Reader,
        ids: Option<Vec<DeadLetterId>>,
        way: &Way,
    ) -> PortResult<DeadLettersTaken> {
        let ids: Option<HashSet<_>> = ids.map(HashSet::from_iter);
        let wanted = |delivery: &Delivery| {
            let id = letter::id(&delivery.properties, &delivery.data);
            ids.as_ref().is_none_or(|ids| ids.contains(&id))
        };
        let mut count = 0;
        let taken = loop {
            let delivery = match reader.next().await {
                Ok(Some(delivery)) if wanted(&delivery) => delivery,
                Ok(Some(_)) => continue,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            let tag = delivery.delivery_tag;
            if let Err(error) = self.send(delivery, way).await {
                break Err(error);
            }
            if let Err(error) = reader.acknowledge(tag).await {
                break Err(error);
            }
            count += 1;
        };
        let coverage = reader.coverage();
        let closed = reader.close().await;
        taken?;
        // Only then has the broker carried out the acknowledgements.
        closed?;
        Ok(DeadLettersTaken { count, coverage })
    }
}

#[async_trait]
impl DeadLetters for RabbitDeadLetters {
    async fn list(&self, limit: usize) -> PortResult<DeadLetterList> {
        self.look(limit, None).await
    }

    async fn find(&self, id: DeadLetterId) -> PortResult<DeadLetterList> {
        self.look(usize::MAX, Some(id)).await
    }

    async fn replay(&self, ids: Option<Vec<DeadLetterId>>) -> PortResult<DeadLettersTaken> {
        let mut reader = Reader::open(&self.broker).await?;
        let channel = reader.channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(away)?;
        self.take(reader, ids, &Way::Replay(channel)).await
    }

    async fn discard(&self, ids: Vec<DeadLetterId>, keep: Keep) -> PortResult<DeadLettersTaken> {
        let reader = Reader::open(&self.broker).await?;
        self.take(reader, Some(ids), &Way::Discard(keep)).await
    }
}
