//! The order queue on RabbitMQ: [`RabbitQueue`] publishes orders, [`Consumer`] processes them, [`RabbitDeadLetters`]
//! looks after those that cannot be processed.
//!
//! Each keeps its own connection to the [`Broker`]: a lost one is dropped whole and made anew. Nothing here is
//! reported done before the broker has said so.
#![warn(missing_docs)]

mod attempts;
mod batch;
mod confirms;
mod connection;
mod consumer;
mod dead_letter_reader;
mod dead_letters;
mod forward;
mod held;
mod letter;
mod link;
mod message;
mod metrics;
mod publisher;
mod queue;
mod settings;
mod shift;
mod tls;
mod topology;
mod work;

pub use connection::{Broker, BrokerError};
pub use consumer::Consumer;
pub use dead_letters::RabbitDeadLetters;
pub use link::BrokerProbe;
pub use publisher::PublisherTask;
pub use queue::RabbitQueue;
pub use settings::Settings;

/// Both run in tasks of their own: this does not compile when they cannot.
const _: fn(Consumer, PublisherTask, tokio_util::sync::CancellationToken) = |consumer, publisher, stop| {
    fn in_a_task(_: &(impl Send + 'static)) {}
    in_a_task(&consumer.run(stop.clone()));
    in_a_task(&publisher.run(stop));
};
