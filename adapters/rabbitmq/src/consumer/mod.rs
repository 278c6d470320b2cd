//! Takes messages from a queue in batches, has them handled, and acknowledges them when they are settled.

mod acks;
#[expect(clippy::module_inception, reason = "the type of this name is there")]
mod consumer;
mod forward;
mod handler;
mod worker;

pub use consumer::Consumer;
pub use handler::{MessageHandler, Outcome};
