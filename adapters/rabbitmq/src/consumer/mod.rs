//! Takes messages from a queue in batches, has them handled, and acknowledges them when they are settled.

mod acks;
#[expect(clippy::module_inception, reason = "the type of this name is there")]
mod consumer;
mod forward;
mod handler;
mod origin;
mod session;
mod worker;

#[cfg(test)]
pub(crate) use self::{
    acks::Ack, forward::Forwarder, session::ConsumerSession, worker::Parts, worker::Shutdown, worker::Worker,
};
pub use consumer::Consumer;
pub use handler::{MessageHandler, Outcome};
