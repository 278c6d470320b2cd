//! What is particular to the queue of orders: the message, and how its batches are handled.

mod handler;
mod message;
mod queue;

pub use handler::order_consumer;
pub use queue::RabbitQueue;
