use std::collections::HashSet;

use async_trait::async_trait;
use keeper_domain::{DeadLetterId, DeadLetterList, DeadLetterSelection, DeadLettersTaken};
use keeper_ports::billing::{DeadLetters, Keep};
use keeper_ports::{PortError, PortResult};
use keeper_telemetry::context::RequestContext;
use keeper_telemetry::traced::Messaging;
use lapin::message::Delivery;
use lapin::options::ConfirmSelectOptions;
use lapin::types::ShortString;
use lapin::{Channel, Confirmation};
use tokio::time::timeout;

use super::oldest::Oldest;
use super::reader::{DeadLetterReader, broker_error};
use super::{message, parse};
use crate::connection::Broker;
use crate::publisher::properties::request_context;
use crate::publisher::{PublishError, publish};

/// What is done with a message before it leaves the dead letters.
enum Removal {
    /// It is published to its queue, confirmed on this channel.
    Replay(Channel),
    /// The caller keeps it.
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

    async fn prepare_removal(&self, delivery: Delivery, removal: &Removal) -> PortResult<()> {
        match removal {
            Removal::Replay(channel) => self.replay_one(channel, delivery).await,
            Removal::Discard(keep) => keep(&parse::read(&delivery.properties, delivery.data)),
        }
    }

    async fn replay_one(&self, channel: &Channel, delivery: Delivery) -> PortResult<()> {
        let queue = &self.broker.topology().queue;
        let first_seen = parse::first_seen(&delivery.properties);
        let message = message::replayed(&delivery.properties, delivery.data, first_seen, queue);
        // In the operator's trace, and linked to the order's: the message keeps the context that it came with.
        let _span = RequestContext::with_current(|operator| {
            let id = message.properties.message_id().as_ref().map(ShortString::as_str);
            let sender = request_context(&message.properties);
            Messaging::rabbitmq(queue).sending(operator, id, sender.as_ref())
        });
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
        let mut reader = DeadLetterReader::open(&self.broker).await?;
        let mut oldest = Oldest::new(limit);
        while let Some(delivery) = reader.next().await? {
            if wanted.is_none_or(|id| id == parse::id(&delivery.properties, &delivery.data)) {
                oldest.add(delivery.delivery_tag, parse::read(&delivery.properties, delivery.data));
            }
        }
        let coverage = reader.coverage();
        // What is not given back now is given back by the end of the connection.
        let _ = reader.close().await;
        Ok(DeadLetterList { letters: oldest.into_letters(), coverage })
    }

    /// Removes the wanted messages, each after it went where it is to go.
    async fn take(
        &self,
        mut reader: DeadLetterReader,
        selection: DeadLetterSelection,
        removal: &Removal,
    ) -> PortResult<DeadLettersTaken> {
        let selected = selector(selection);
        let mut count = 0;
        let taken = loop {
            let delivery = match reader.next().await {
                Ok(Some(delivery)) if selected(&delivery) => delivery,
                Ok(Some(_)) => continue,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            let tag = delivery.delivery_tag;
            if let Err(error) = self.prepare_removal(delivery, removal).await {
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

    async fn replay(&self, selection: DeadLetterSelection) -> PortResult<DeadLettersTaken> {
        let mut reader = DeadLetterReader::open(&self.broker).await?;
        let channel = reader.channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(broker_error)?;
        self.take(reader, selection, &Removal::Replay(channel)).await
    }

    async fn discard(&self, ids: Vec<DeadLetterId>, keep: Keep) -> PortResult<DeadLettersTaken> {
        let reader = DeadLetterReader::open(&self.broker).await?;
        self.take(reader, DeadLetterSelection::Ids(ids), &Removal::Discard(keep)).await
    }
}

/// Says of a message whether it is among the selected ones.
fn selector(selection: DeadLetterSelection) -> Box<dyn Fn(&Delivery) -> bool + Send + Sync> {
    match selection {
        DeadLetterSelection::All => Box::new(|_| true),
        DeadLetterSelection::Reason(reason) => {
            Box::new(move |delivery| parse::reason(&delivery.properties) == reason)
        }
        DeadLetterSelection::Ids(ids) => {
            let ids: HashSet<_> = ids.into_iter().collect();
            Box::new(move |delivery| ids.contains(&parse::id(&delivery.properties, &delivery.data)))
        }
    }
}
