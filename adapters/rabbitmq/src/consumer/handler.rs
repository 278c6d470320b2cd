use async_trait::async_trait;
use keeper_domain::{DeadLetterReason, Refusal};
use keeper_ports::PortResult;
use lapin::message::Delivery;

/// What is to become of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done with.
    Settled,
    /// It can never be processed, and goes to the dead letters.
    DeadLetter(Refusal),
    /// The same, and it has no identity: it goes there with this one, under which a replay puts it back.
    DeadLetterAs {
        /// Its message id from now on.
        message_id: String,
        /// Why it goes there.
        refusal: Refusal,
    },
    /// It has no identity, and goes back into the queue with this one.
    PutBackAs {
        /// Its message id from now on.
        message_id: String,
        /// Why it goes to the dead letters instead where the queue is full.
        refusal: Refusal,
    },
}

impl Outcome {
    /// Why it is refused, if it is.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Settled => None,
            Self::DeadLetter(refusal)
            | Self::DeadLetterAs { refusal, .. }
            | Self::PutBackAs { refusal, .. } => Some(refusal),
        }
    }
}

/// Handles the messages of a queue. They are delivered at least once: a message may come again, in the same batch too.
#[async_trait]
pub trait MessageHandler: Send + Sync + 'static {
    /// Handles a batch, which is not empty, and says what is to become of each message. There MUST be an outcome for each,
    /// in the batch's order.
    ///
    /// # Errors
    /// Nothing is known of any message of the batch: it is handed over again later.
    async fn handle(&self, batch: &[Delivery]) -> PortResult<Vec<Outcome>>;

    /// A message is safe among the dead letters.
    fn dead_lettered(&self, reason: DeadLetterReason);

    /// So many messages are ready in the queue, and so many are in its dead letters.
    fn measured(&self, ready: u64, dead: u64);
}
