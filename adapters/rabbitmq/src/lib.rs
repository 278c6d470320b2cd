//! RabbitMQ, in rooms: `connection` keeps a connection up, `publisher` publishes with confirms, `consumer` settles
//! batches of messages, `dead_letters` looks after those that cannot be processed, `policies` sees what the broker is told to
//! throw away. All of these serve any queue.
//! `orders` is what is particular to the queue of orders.
//!
//! Each part keeps its own connection to the [`Broker`]: a lost one is dropped whole and made anew. Nothing here is
//! reported done before the broker has said so.
#![warn(missing_docs)]

mod connection;
mod consumer;
mod dead_letters;
mod orders;
mod policies;
mod publisher;
#[cfg(test)]
mod simulation;

pub use connection::{
    Broker, BrokerMetrics, BrokerProbe, BrokerSettings, ConnectProbe, ConsumerOptions, ConsumerSettings,
    UnidentifiedMessages,
};
pub use consumer::{Consumer, MessageHandler, Outcome};
pub use dead_letters::RabbitDeadLetters;
pub use orders::{RabbitQueue, order_consumer};
pub use policies::PolicyProbe;
pub use publisher::{Outgoing, PublishError, Publisher, PublisherTask};

/// Both run in tasks of their own: this does not compile when they cannot.
const _: fn(Consumer, PublisherTask, tokio_util::sync::CancellationToken) = |consumer, publisher, stop| {
    fn in_a_task(_: &(impl Send + 'static)) {}
    in_a_task(&consumer.run(stop.clone()));
    in_a_task(&publisher.run(stop));
};
