use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::Stream;
use futures_util::stream::FuturesUnordered;
use lapin::message::BasicReturnMessage;
use lapin::options::BasicPublishOptions;
use lapin::{Channel, Confirmation};

use super::outgoing::{Job, Outgoing, PublishError};

type Confirmed = (u64, lapin::Result<Confirmation>);

/// The messages that are published on a channel and not confirmed yet.
pub(crate) struct Confirms {
    channel: Channel,
    next: u64,
    unconfirmed: Unconfirmed,
    publishing: FuturesUnordered<Pin<Box<dyn Future<Output = Confirmed> + Send>>>,
}

impl Confirms {
    pub(crate) fn new(channel: Channel) -> Self {
        Self { channel, next: 0, unconfirmed: Unconfirmed::default(), publishing: FuturesUnordered::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.unconfirmed.jobs.is_empty()
    }

    /// Publishes a message, as soon as [`Self::settle`] runs; one that nobody waits for any more is not.
    pub(crate) fn publish(&mut self, job: Job<Outgoing>) {
        if job.is_given_up() {
            return;
        }
        let (message, job) = job.split();
        let number = self.next;
        self.next += 1;
        let message_id = message.properties.message_id().as_ref().map(ToString::to_string);
        self.unconfirmed.jobs.insert(number, Waiting { job, message_id });
        let channel = self.channel.clone();
        self.publishing.push(Box::pin(async move { (number, publish(&channel, message).await) }));
    }

    /// Waits for confirms, answers whoever waits for them, and says how many messages the broker has stored. An error says why
    /// the channel is of no more use. It is safe to be dropped and called again.
    pub(crate) async fn settle(&mut self) -> Result<usize, String> {
        let confirmed = poll_fn(|context| self.poll_confirmed(context)).await;
        self.unconfirmed.answer(confirmed)
    }

    /// Answers everybody who still waits: what has been confirmed by now is, the rest is lost.
    pub(crate) fn abandon(&mut self, cause: &str) {
        if let Poll::Ready(confirmed) = self.poll_confirmed(&mut Context::from_waker(Waker::noop())) {
            // Why the channel is of no more use is known already.
            let _ = self.unconfirmed.answer(confirmed);
        }
        self.publishing.clear();
        for (_, waiting) in self.unconfirmed.jobs.drain() {
            waiting.job.answer(Err(PublishError::Lost(cause.to_owned())));
        }
    }

    /// All confirms that have come by now; there is at least one, unless nothing waits.
    fn poll_confirmed(&mut self, context: &mut Context<'_>) -> Poll<Vec<Confirmed>> {
        let mut confirmed = Vec::new();
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut publishing = Pin::new(&mut self.publishing);
        loop {
            woken.0.store(false, Ordering::Release);
            match publishing.as_mut().poll_next(&mut Context::from_waker(&waker)) {
                Poll::Ready(Some(one)) => confirmed.push(one),
                // A stream that has done its share for one turn wakes itself: that is not the end.
                Poll::Pending if woken.0.load(Ordering::Acquire) => {}
                Poll::Pending if confirmed.is_empty() => match publishing.as_mut().poll_next(context) {
                    Poll::Ready(Some(one)) => confirmed.push(one),
                    Poll::Ready(None) => return Poll::Ready(confirmed),
                    Poll::Pending => return Poll::Pending,
                },
                Poll::Ready(None) | Poll::Pending => return Poll::Ready(confirmed),
            }
        }
    }
}

/// Who waits for a confirm on a channel, and what the broker has returned on it.
#[derive(Default)]
struct Unconfirmed {
    jobs: HashMap<u64, Waiting>,
    returned: Vec<Returned>,
}

struct Waiting {
    job: Job<()>,
    message_id: Option<String>,
}

impl Unconfirmed {
    /// Answers those whose confirms have come, and says how many messages are stored. An error says why the channel is of no
    /// more use.
    fn answer(&mut self, confirmed: Vec<Confirmed>) -> Result<usize, String> {
        self.returned.extend(confirmed.iter().filter_map(|(_, result)| returned(result)));
        let mut outcome = match self.returned.first() {
            // The queue is gone. Connecting again declares it again, or says that it is missing.
            Some(first) => Err(first.reason.clone()),
            None => Ok(()),
        };
        let mut stored = 0;
        for (number, result) in confirmed {
            let Some(waiting) = self.jobs.remove(&number) else { continue };
            let answer = match result {
                Ok(Confirmation::Ack(_)) => self.acknowledged(&waiting),
                Ok(Confirmation::Nack(_)) => Err(PublishError::Refused),
                Ok(Confirmation::NotRequested) => Err(PublishError::Lost("confirms are off".to_owned())),
                Err(error) => Err(PublishError::Lost(error.to_string())),
            };
            if let Err(PublishError::Lost(cause)) = &answer {
                outcome = Err(cause.clone());
            }
            stored += usize::from(answer.is_ok());
            waiting.job.answer(answer);
        }
        outcome.map(|()| stored)
    }

    /// What a confirm says. A returned message comes with that of any message, whose own return is then still to come:
    /// after the first one, no confirm of this channel can be believed.
    fn acknowledged(&self, waiting: &Waiting) -> Result<(), PublishError> {
        let Some(first) = self.returned.first() else { return Ok(()) };
        let own = self.returned.iter().find(|returned| returned.may_be(waiting));
        Err(PublishError::Returned(own.unwrap_or(first).reason.clone()))
    }
}

/// Publishes a message and waits for its confirm. A message that cannot be routed comes back with a confirm; with that
/// of this message only where no other is under way on the channel.
pub(crate) async fn publish(channel: &Channel, message: Outgoing) -> lapin::Result<Confirmation> {
    let Outgoing { exchange, routing_key, properties, body } = message;
    let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    channel.basic_publish(exchange.into(), routing_key.into(), mandatory, &body, properties).await?.await
}

/// A message that the broker could not route. Which confirm it was handed to says nothing.
struct Returned {
    message_id: Option<String>,
    reason: String,
}

impl Returned {
    fn may_be(&self, waiting: &Waiting) -> bool {
        self.message_id.is_none() || self.message_id == waiting.message_id
    }
}

fn returned(result: &lapin::Result<Confirmation>) -> Option<Returned> {
    let Ok(Confirmation::Ack(Some(message)) | Confirmation::Nack(Some(message))) = result else {
        return None;
    };
    let BasicReturnMessage { delivery, reply_code, reply_text } = message;
    let message_id = delivery.properties.message_id().as_ref().map(ToString::to_string);
    Some(Returned { message_id, reason: format!("{reply_text} ({reply_code})") })
}

/// Remembers that it was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

#[cfg(test)]
#[path = "confirms_tests.rs"]
mod tests;
