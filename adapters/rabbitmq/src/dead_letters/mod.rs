//! The messages that could not be processed: how they get there, and how operators look after them.

mod message;
mod oldest;
mod parse;
mod port;
mod reader;

#[cfg(test)]
pub(crate) use message::REASON;
pub(crate) use message::{dead_letter, identified, put_back};
pub use port::RabbitDeadLetters;
