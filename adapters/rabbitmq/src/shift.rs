//! The settling of messages.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use keeper_domain::{Order, Recording, Refusal};
use keeper_telemetry::context::REQUEST_ID;
use lapin::message::Delivery;
use lapin::options::BasicAckOptions;
use lapin::{BasicProperties, Channel};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::attempts::Attempts;
use crate::batch::{Verdict, acks, judge};
use crate::connection::{Incident, Session};
use crate::forward::{Forwarded, Purpose};
use crate::held::{Held, Unmoved};
use crate::message;
use crate::work::Work;

/// How long messages are kept in hand while orders cannot be processed. The broker takes back what is not acknowledged
/// within its `consumer_timeout` (half an hour, a minute at least), and takes the channel with it; and before RabbitMQ
/// 4.3 each return counts towards the queue's delivery limit. So they are given back, once, long before that, and taken
/// again when the orders that could not be processed have been.
const KEEP_IN_HAND: Duration = Duration::from_secs(5);

/// How long a stop waits for the confirms of what is on its way to another place.
const FORWARD_GRACE: Duration = Duration::from_secs(2);

/// How long a session is kept after the acknowledgement of a delivery that would come again as something else. Nothing says that the
/// broker has carried an acknowledgement out: between a channel and a quorum queue, more than 32 wait for their turn, and
/// those that wait are forgotten when the channel is closed (`rabbit_fifo_client`).
const ACKNOWLEDGEMENT_GRACE: Duration = Duration::from_secs(1);

/// Work over one session: what was delivered and is not settled yet.
pub(crate) struct Shift<'a> {
    pub(crate) work: &'a Work,
    pub(crate) session: &'a mut Session,
    pub(crate) held: Held,
    pub(crate) stop: &'a CancellationToken,
    /// A while after the stop, when what is not settled is left for later.
    pub(crate) overdue: &'a CancellationToken,
}

/// Why a shift ends.
pub(crate) enum Ended {
    Lost(String),
    Stopped,
    /// These orders cannot be processed for now.
    Away(Vec<Order>, Attempts),
}

impl From<lapin::Error> for Ended {
    fn from(error: lapin::Error) -> Self {
        Self::Lost(error.to_string())
    }
}

impl Shift<'_> {
    /// Has the orders of a batch handled, sets the other messages on their way, and acknowledges what is settled.
    pub(crate) async fn settle(&mut self, batch: Vec<Delivery>) -> Result<(), Ended> {
        let now = self.work.clock.now();
        let mut deliveries = Vec::with_capacity(batch.len());
        let mut orders = Vec::with_capacity(batch.len());
        for delivery in batch {
            match judge(&delivery.properties, &delivery.data, now, &*self.work.ids) {
                Verdict::Handle(order) => {
                    orders.push(order);
                    deliveries.push(delivery);
                }
                Verdict::Stamp(order) => self.stamp(delivery, order),
                Verdict::Bury(refusal) => {
                    self.bury(delivery.delivery_tag, &delivery.properties, delivery.data, &refusal);
                }
            }
        }
        if orders.is_empty() {
            return Ok(());
        }
        let outcomes = self.handle(orders).await?;
        let mut settled = Vec::with_capacity(deliveries.len());
        for (delivery, outcome) in deliveries.into_iter().zip(outcomes) {
            match outcome.refusal() {
                None => settled.push(delivery.delivery_tag),
                Some(refusal) => {
                    self.bury(delivery.delivery_tag, &delivery.properties, delivery.data, &refusal);
                }
            }
        }
        for ack in acks(&settled, self.held.tags.first().copied()) {
            acknowledge(&self.session.channel, ack.tag, ack.multiple).await?;
        }
        Ok(())
    }

    /// Has orders handled; with none of them, makes sure that some would be.
    async fn handle(&mut self, orders: Vec<Order>) -> Result<Vec<Recording>, Ended> {
        let mut attempts = Attempts::new(Arc::clone(&self.work.handler));
        let until = Instant::now() + KEEP_IN_HAND;
        let handled = self.insist(&orders, &mut attempts, Some(until), self.stop).await?;
        handled.ok_or(Ended::Away(orders, attempts))
    }

    /// Handles an order whose copy with an identity was refused because the queue is full. Once attempted it is not given
    /// back if that can be helped: it may be recorded although the answer was lost, and would come with another id. So it
    /// is not attempted while the ledger is away, and a stop leaves it as long as anything may take.
    pub(crate) async fn handle_unmoved(&mut self, unmoved: Unmoved) -> Result<(), Ended> {
        let Unmoved { tag, order, copy } = unmoved;
        self.handle(Vec::new()).await?;
        let mut attempts = Attempts::new(Arc::clone(&self.work.handler));
        let outcomes = self.insist(&[order], &mut attempts, None, self.overdue).await?;
        if let Some(refusal) = outcomes.iter().flatten().find_map(Recording::refusal) {
            self.bury(tag, &copy.properties, copy.body, &refusal);
            return Ok(());
        }
        self.let_go(tag).await
    }

    /// Has orders handled, however many attempts it takes, unless it is told to give up; `None` when `until` passes first.
    /// What is on its way to an identity is waited for even then: given back, it would get two.
    pub(crate) async fn insist(
        &mut self,
        orders: &[Order],
        attempts: &mut Attempts,
        until: Option<Instant>,
        give_up: &CancellationToken,
    ) -> Result<Option<Vec<Recording>>, Ended> {
        let late = || until.is_some_and(|until| until <= Instant::now());
        let outcomes = loop {
            match self.meanwhile(attempts.attempt(orders)).await? {
                Ok(outcomes) => break outcomes,
                Err(_) if late() && self.held.stamping == 0 => return Ok(None),
                Err(pause) => self.rest(pause, give_up).await?,
            }
        };
        let now = self.work.clock.now();
        for (order, outcome) in orders.iter().zip(&outcomes) {
            self.work.metrics.settled(order, outcome, now);
        }
        Ok(Some(outcomes))
    }

    /// Waits for something, unless a stop is overdue, and acknowledges meanwhile what is elsewhere: a copy with an
    /// identity whose original stays in hand is billed twice if this process dies.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Ended> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                () = self.overdue.cancelled() => return Err(Ended::Stopped),
                Some((tag, forwarded)) = self.held.forwards.next() => {
                    // A channel that is lost is noticed by who uses it next.
                    let _ = self.forwarded(tag, forwarded).await;
                }
            }
        }
    }

    /// Pauses, unless the session is lost meanwhile or it is told to give up.
    async fn rest(&mut self, pause: Duration, give_up: &CancellationToken) -> Result<(), Ended> {
        let until = Instant::now() + pause;
        loop {
            tokio::select! {
                () = sleep_until(until) => return Ok(()),
                () = give_up.cancelled() => return Err(Ended::Stopped),
                Some((tag, forwarded)) = self.held.forwards.next() => self.forwarded(tag, forwarded).await?,
                incident = self.session.incident() => if let Incident::Lost(cause) = incident {
                    return Err(Ended::Lost(cause));
                },
            }
        }
    }

    /// Before a stop, waits for a moment for the confirms of what is on its way to another place: a copy with an identity
    /// whose original goes back to the queue is billed twice.
    pub(crate) async fn finish(&mut self) {
        let finished = async {
            while let Some((tag, forwarded)) = self.held.forwards.next().await {
                if self.forwarded(tag, forwarded).await.is_err() {
                    break;
                }
            }
        };
        if timeout(FORWARD_GRACE, finished).await.is_err() {
            warn!("some messages were not confirmed in their other place; they may be in both");
        }
        if let Some(at) = self.held.let_go_at {
            sleep_until(at + ACKNOWLEDGEMENT_GRACE).await;
        }
    }

    fn bury(&mut self, tag: u64, properties: &BasicProperties, body: Vec<u8>, refusal: &Refusal) {
        let Refusal { reason, detail } = refusal;
        let message_id = properties.message_id().as_ref().map(ToString::to_string);
        let request_id = message::header(properties, REQUEST_ID);
        let request_id = request_id.as_deref();
        warn!(reason = reason.as_str(), detail, message_id, request_id, "a message goes to the dead letters");
        let (now, topology) = (self.work.clock.now(), &self.work.topology);
        let letter = message::dead_letter(properties, body, refusal, now, topology);
        self.held.add(tag, self.work.forwarder.forward(tag, Purpose::Bury(*reason), letter));
    }

    fn stamp(&mut self, delivery: Delivery, order: Order) {
        let Delivery { delivery_tag, properties, data, .. } = delivery;
        let copy = message::stamped(&properties, data, &order, &self.work.topology.queue);
        self.held.stamping += 1;
        self.held.add(delivery_tag, self.work.forwarder.forward(delivery_tag, Purpose::Stamp(order), copy));
    }

    /// Acknowledges a delivery that is elsewhere now.
    pub(crate) async fn forwarded(&mut self, tag: u64, forwarded: Forwarded) -> Result<(), Ended> {
        match forwarded {
            Forwarded::Done(Purpose::Bury(reason)) => self.work.metrics.dead_lettered(reason),
            Forwarded::Done(Purpose::Stamp(_)) => self.held.stamping -= 1,
            Forwarded::NoRoom(order, copy) => {
                self.held.stamping -= 1;
                self.held.unmoved.push(Unmoved { tag, order, copy });
                return Ok(());
            }
        }
        self.let_go(tag).await
    }

    /// Acknowledges a delivery that would come again as something else.
    async fn let_go(&mut self, tag: u64) -> Result<(), Ended> {
        self.held.tags.remove(&tag);
        self.held.let_go_at = Some(Instant::now());
        acknowledge(&self.session.channel, tag, false).await
    }
}

/// Waits for an answer of the broker, unless a stop is overdue.
pub(crate) async fn answered<T>(
    overdue: &CancellationToken,
    answer: impl Future<Output = lapin::Result<T>>,
) -> Result<T, Ended> {
    match overdue.run_until_cancelled(answer).await {
        Some(answer) => Ok(answer?),
        None => Err(Ended::Stopped),
    }
}

async fn acknowledge(channel: &Channel, tag: u64, multiple: bool) -> Result<(), Ended> {
    Ok(channel.basic_ack(tag, BasicAckOptions { multiple }).await?)
}
