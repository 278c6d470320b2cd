//! What has to be in the broker: a queue, the exchange of its dead letters, and their queue.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};

use super::channel::depth;

/// How often a message may come back without having been settled before it goes to the dead letters: only a consumer
/// that dies of it does that. RabbitMQ 4 has the same number as its default; older ones have no limit.
const DELIVERY_LIMIT: i64 = 20;

/// Looking through the dead letters gives them back, which counts as a delivery before RabbitMQ 4.3; and a message
/// over the limit of a queue that has no dead letters of its own is gone. -1 (no limit) is refused before RabbitMQ 4.
const NO_DELIVERY_LIMIT: i64 = i32::MAX as i64;

/// The names of everything in the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Topology {
    /// The queue.
    pub(crate) queue: String,
    /// The exchange by which messages get into the dead letters.
    pub(crate) dead_exchange: String,
    /// The queue of the dead letters, and its routing key.
    pub(crate) dead_queue: String,
}

impl Topology {
    pub(crate) fn new(queue: &str) -> Self {
        Self {
            queue: queue.to_owned(),
            dead_exchange: format!("{queue}.dlx"),
            dead_queue: format!("{queue}.dead"),
        }
    }

    /// Creates what is not there. What is there with other arguments is an error that closes the channel.
    pub(crate) async fn declare(&self, channel: &Channel) -> lapin::Result<()> {
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let exchange = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let dead = self.dead_queue.as_str();
        let dlx = self.dead_exchange.as_str();
        channel.exchange_declare(dlx.into(), ExchangeKind::Direct, exchange, FieldTable::default()).await?;
        channel.queue_declare(dead.into(), durable, dead_arguments()).await?;
        let bind = QueueBindOptions::default();
        channel.queue_bind(dead.into(), dlx.into(), dead.into(), bind, FieldTable::default()).await?;
        channel.queue_declare(self.queue.as_str().into(), durable, self.queue_arguments()).await?;
        Ok(())
    }

    /// Makes sure that the queue is there, of whatever kind, and its dead letters where they are needed. It creates
    /// nothing.
    pub(crate) async fn verify(&self, channel: &Channel, dead_letters: bool) -> Result<(), TopologyError> {
        let no_queue = |queue: &str| {
            let what = format!("queue `{queue}`");
            move |cause| TopologyError { what, cause }
        };
        depth(channel, &self.queue).await.map_err(no_queue(&self.queue))?;
        if dead_letters {
            depth(channel, &self.dead_queue).await.map_err(no_queue(&self.dead_queue))?;
            let passive = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
            let (exchange, table) = (self.dead_exchange.as_str(), FieldTable::default());
            let there = channel.exchange_declare(exchange.into(), ExchangeKind::Direct, passive, table).await;
            there.map_err(|cause| TopologyError { what: format!("exchange `{exchange}`"), cause })?;
        }
        Ok(())
    }

    fn queue_arguments(&self) -> FieldTable {
        let mut arguments = FieldTable::default();
        let text = |text: &str| AMQPValue::LongString(text.into());
        arguments.insert("x-queue-type".into(), text("quorum"));
        arguments.insert("x-dead-letter-exchange".into(), text(&self.dead_exchange));
        arguments.insert("x-dead-letter-routing-key".into(), text(&self.dead_queue));
        // at-least-once: a dead letter leaves this queue only when the other one has confirmed it; it is allowed
        // only with reject-publish.
        arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
        arguments.insert("x-overflow".into(), text("reject-publish"));
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(DELIVERY_LIMIT));
        arguments
    }
}

fn dead_arguments() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(NO_DELIVERY_LIMIT));
    arguments
}

/// What is not in the broker, or cannot be looked at.
#[derive(Debug)]
pub(crate) struct TopologyError {
    pub(crate) what: String,
    pub(crate) cause: lapin::Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table is a contract with every broker that already has the queue: another value is refused there.
    #[test]
    fn the_arguments_are_these() {
        let topology = Topology::new("billing_queue");
        let arguments: Vec<_> = topology
            .queue_arguments()
            .into_iter()
            .map(|(key, value)| match value {
                AMQPValue::LongString(text) => format!("{key}={text}"),
                other => format!("{key}={other:?}"),
            })
            .collect();
        assert_eq!(
            arguments,
            [
                "x-dead-letter-exchange=billing_queue.dlx",
                "x-dead-letter-routing-key=billing_queue.dead",
                "x-dead-letter-strategy=at-least-once",
                "x-delivery-limit=LongLongInt(20)",
                "x-overflow=reject-publish",
                "x-queue-type=quorum",
            ]
        );
        let limit = AMQPValue::LongLongInt(2_147_483_647);
        assert_eq!(dead_arguments().inner().get("x-delivery-limit"), Some(&limit));
    }
}
