//! What is particular to the queue of orders: the message, and how its batches are handled.

mod handler;
mod message;
mod queue;

#[cfg(test)]
pub(crate) use handler::OrderMessages;
pub use handler::order_consumer;
pub use queue::RabbitQueue;
