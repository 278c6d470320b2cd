use std::sync::Arc;
use std::time::Duration;

use lapin::BasicProperties;
use prometheus::IntGauge;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// How many messages of a publisher may wait for their confirm: the bound of its memory.
pub(crate) const MAX_UNCONFIRMED: usize = 5_000;

/// Why a message is not published, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PublishError {
    /// There is no connection.
    #[error("no connection to the broker: {0}")]
    Disconnected(Arc<str>),
    /// The broker takes no messages, being short of memory or disk.
    #[error("the broker takes no messages: {0}")]
    Blocked(Arc<str>),
    /// Too many messages wait for their confirms.
    #[error("{MAX_UNCONFIRMED} messages wait for the broker's confirm already")]
    Full,
    /// The broker refused it.
    #[error("the broker refused the message, as it does when the queue is full")]
    Refused,
    /// No queue takes it.
    #[error("the broker returned the message: {0}")]
    Returned(String),
    /// The connection ended before the confirm: it may be published all the same.
    #[error("the connection was lost before the broker confirmed the message: {0}")]
    Lost(String),
    /// No confirm came in time: it may be published all the same.
    #[error("the broker did not confirm the message within {} ms", .0.as_millis())]
    Unconfirmed(Duration),
}

/// A message to be published.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The exchange; empty for the one that leads to the queue named by the routing key.
    pub exchange: String,
    /// Where the exchange sends it: for the empty exchange, the queue's name.
    pub routing_key: String,
    /// Its properties and headers.
    pub properties: BasicProperties,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// Who waits for a confirm.
pub(crate) type Answer = oneshot::Sender<Result<(), PublishError>>;

/// A message on its way, and who waits for it.
pub(crate) struct Job<M> {
    message: M,
    answer: Answer,
    slot: Slot,
}

impl<M> Job<M> {
    /// A message in a slot of the unconfirmed, and where its answer goes.
    pub(crate) fn new(
        message: M,
        answer: Answer,
        permit: OwnedSemaphorePermit,
        unconfirmed: IntGauge,
    ) -> Self {
        unconfirmed.inc();
        Self { message, answer, slot: Slot { _permit: permit, unconfirmed } }
    }

    pub(crate) fn split(self) -> (M, Job<()>) {
        let Self { message, answer, slot } = self;
        (message, Job { message: (), answer, slot })
    }

    /// Nobody waits for the answer any more.
    pub(crate) fn is_given_up(&self) -> bool {
        self.answer.is_closed()
    }

    pub(crate) fn answer(self, answer: Result<(), PublishError>) {
        drop(self.slot);
        // Who no longer waits needs no answer.
        let _ = self.answer.send(answer);
    }
}

/// A slot among the unconfirmed, free again when it is dropped.
struct Slot {
    _permit: OwnedSemaphorePermit,
    unconfirmed: IntGauge,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.unconfirmed.dec();
    }
}
