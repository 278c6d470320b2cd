//! Messages that go on to another place before they are acknowledged: dead letters, and orders that get an identity.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keeper_domain::{DeadLetterReason, Order};
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tracing::warn;

use crate::publisher::{Outgoing, PublishError, Publisher};

/// The pauses between attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How many messages may be on their way to an identity at once: so many orders, at most, are billed twice when the process
/// or its connection ends just then.
const MAX_STAMPING: usize = 32;

/// Why a message goes on.
#[derive(Debug, Clone)]
pub(crate) enum Purpose {
    /// To the dead letters.
    Bury(DeadLetterReason),
    /// Back into the queue with the identity of this order.
    Stamp(Order),
}

/// What became of a delivery that was to go on.
#[derive(Debug)]
pub(crate) enum Forwarded {
    /// The broker has it in the other place.
    Done(Purpose),
    /// The order queue takes no copy, since it is full: the order is to be handled as it is, or the queue would never
    /// get emptier.
    NoRoom(Order, Box<Outgoing>),
}

pub(crate) type Forward = Pin<Box<dyn Future<Output = (u64, Forwarded)> + Send>>;

/// Moves messages on, and tries until the broker has confirmed each. Dropping the future gives the message up.
#[derive(Clone)]
pub(crate) struct Forwarder {
    publisher: Publisher,
    stamping: Arc<Semaphore>,
    /// The log knows that messages cannot be moved on.
    logged: Arc<AtomicBool>,
}

impl Forwarder {
    pub(crate) fn new(publisher: Publisher) -> Self {
        Self { publisher, stamping: Arc::new(Semaphore::new(MAX_STAMPING)), logged: Arc::default() }
    }

    pub(crate) fn forward(&self, tag: u64, purpose: Purpose, message: Outgoing) -> Forward {
        let forwarder = self.clone();
        Box::pin(async move { (tag, forwarder.insist(purpose, message).await) })
    }

    async fn insist(&self, purpose: Purpose, message: Outgoing) -> Forwarded {
        let _permit = match purpose {
            Purpose::Bury(_) => None,
            // It is never closed.
            Purpose::Stamp(_) => self.stamping.acquire().await.ok(),
        };
        let mut pause = FIRST_PAUSE;
        loop {
            match (self.publisher.publish(message.clone()).await, &purpose) {
                (Ok(()), _) => {
                    self.logged.store(false, Ordering::Relaxed);
                    return Forwarded::Done(purpose);
                }
                (Err(PublishError::Refused), Purpose::Stamp(order)) => {
                    return Forwarded::NoRoom(order.clone(), Box::new(message));
                }
                // The publisher's own connection says so itself.
                (Err(PublishError::Disconnected(_) | PublishError::Blocked(_)), _) => {}
                (Err(error), _) => {
                    if !self.logged.swap(true, Ordering::Relaxed) {
                        let to = if message.exchange.is_empty() {
                            &message.routing_key
                        } else {
                            &message.exchange
                        };
                        warn!(to, %error, "messages cannot be moved on; trying again");
                    }
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
