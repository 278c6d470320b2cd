//! Publishes with confirms: many messages share a channel, none waits for another's confirm, and only one that the
//! broker has taken responsibility for counts as published.

mod confirms;
mod outgoing;
pub(crate) mod properties;
mod task;

pub(crate) use confirms::publish;
#[cfg(test)]
pub(crate) use outgoing::Job;
pub use outgoing::{Outgoing, PublishError};
pub use task::{Publisher, PublisherTask};
