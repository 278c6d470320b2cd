//! The consumer's loop over one session.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use keeper_domain::{DeadLetterReason, Order, Recording};
use keeper_ports::Clock;
use keeper_ports::billing::OrderHandler;
use keeper_wire::metrics::ProcessingMetrics;
use lapin::Channel;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions};
use lapin::types::FieldTable;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::batch::{Verdict, acks, judge};
use crate::connection::{Incident, Session};
use crate::forward::{Forwarded, Forwarder, Purpose};
use crate::handling::{Handled, Handling};
use crate::held::Held;
use crate::message;
use crate::topology::Topology;

/// The most messages of one batch. Below the default prefetch, so that the next batch comes while this one is settled.
const MAX_BATCH: usize = 250;

/// How long a batch waits for more orders when they come in numbers: each batch costs the broker and the database a write
/// to the disk, however few orders it has. An order that comes alone does not wait.
const LINGER: Duration = Duration::from_millis(10);

/// How long messages are kept in hand while orders cannot be processed. The broker takes back what is not acknowledged
/// within its `consumer_timeout` (half an hour, a minute at least), and takes the channel with it; and before RabbitMQ
/// 4.3 each return counts towards the queue's delivery limit. So they are given back, once, long before that, and taken
/// again when the orders that could not be processed have been.
const KEEP_IN_HAND: Duration = Duration::from_secs(5);

/// How often it is looked whether everything has got to its other place.
const FORWARDING: Duration = Duration::from_millis(20);

/// How long what is in hand may take after the stop. What is not settled by then is delivered again later.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// What it takes to settle messages.
pub(crate) struct Work {
    pub(crate) handler: Arc<dyn OrderHandler>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: ProcessingMetrics,
    pub(crate) topology: Topology,
    pub(crate) forwarder: Forwarder,
}

impl Work {
    /// Settles messages until the session is lost, and says why; `None` when it is to stop.
    pub(crate) async fn run(
        self,
        session: &mut Session,
        mut consumer: lapin::Consumer,
        stop: &CancellationToken,
    ) -> Option<String> {
        let mut held = Held::default();
        loop {
            let mut ended = self.consume(session, &mut consumer, &mut held, stop).await;
            if let Ended::Away(orders, handling) = ended {
                match self.wait(orders, handling, session, &consumer, &mut held, stop).await {
                    Ok(again) => {
                        consumer = again;
                        continue;
                    }
                    Err(error) => ended = error,
                }
            }
            return match ended {
                Ended::Lost(cause) => Some(cause),
                Ended::Stopped | Ended::Away(..) => None,
            };
        }
    }

    /// Settles messages until it cannot go on.
    async fn consume(
        &self,
        session: &mut Session,
        consumer: &mut lapin::Consumer,
        held: &mut Held,
        stop: &CancellationToken,
    ) -> Ended {
        let mut deadline = None;
        let mut drained = false;
        let mut last_batch = 0;
        loop {
            if drained && held.tags.is_empty() {
                return Ended::Stopped;
            }
            if let Some((tag, order)) = held.unmoved.pop() {
                if let Err(ended) = self.handle_unmoved(tag, order, session, held, stop).await {
                    return ended;
                }
                continue;
            }
            let until = deadline.unwrap_or_else(Instant::now);
            let settled = tokio::select! {
                () = stop.cancelled(), if deadline.is_none() => {
                    deadline = Some(Instant::now() + STOP_GRACE);
                    let cancelled = session.channel.basic_cancel(consumer.tag(), BasicCancelOptions::default());
                    cancelled.await.map_err(Ended::from)
                }
                () = sleep_until(until), if deadline.is_some() => return Ended::Stopped,
                delivery = consumer.next(), if !drained => match delivery {
                    Some(Ok(first)) => {
                        if last_batch > 1 {
                            sleep(LINGER).await;
                        }
                        let batch = ready(first, consumer);
                        last_batch = batch.len();
                        self.settle(batch, session, held, stop).await
                    }
                    Some(Err(error)) => Err(error.into()),
                    None if deadline.is_some() => {
                        drained = true;
                        Ok(())
                    }
                    None => Err(Ended::Lost("the broker ended the consumer, as it does when the queue goes".into())),
                },
                Some((tag, forwarded)) = held.forwards.next() => {
                    self.forwarded(tag, forwarded, &session.channel, held).await
                }
                incident = session.incident() => match incident {
                    Incident::Lost(cause) => Err(Ended::Lost(cause)),
                    // This connection publishes nothing.
                    Incident::Blocked(_) | Incident::Unblocked => Ok(()),
                },
            };
            if let Err(ended) = settled {
                return ended;
            }
        }
    }

    /// Gives back what is in hand, waits until these orders can be processed, and then takes messages again. The orders'
    /// own messages will come again, and are recognised.
    async fn wait(
        &self,
        orders: Vec<Order>,
        mut handling: Handling,
        session: &mut Session,
        consumer: &lapin::Consumer,
        held: &mut Held,
        stop: &CancellationToken,
    ) -> Result<lapin::Consumer, Ended> {
        session.channel.basic_cancel(consumer.tag(), BasicCancelOptions::default()).await?;
        // What is on its way to another place must not come back: it would get there twice.
        while !held.forwards.is_empty() {
            self.rest(FORWARDING, session, held, stop).await?;
        }
        held.unmoved.clear();
        held.tags.clear();
        // The tag 0 is all there is.
        let everything = BasicNackOptions { multiple: true, requeue: true };
        session.channel.basic_nack(0, everything).await?;
        self.insist(&orders, &mut handling, None, session, held, stop).await?;
        Ok(subscribe(&session.channel, &self.topology.queue).await?)
    }

    /// Has the orders of a batch handled, sets the other messages on their way, and acknowledges what is settled.
    async fn settle(
        &self,
        batch: Vec<Delivery>,
        session: &mut Session,
        held: &mut Held,
        stop: &CancellationToken,
    ) -> Result<(), Ended> {
        let now = self.clock.now();
        let mut deliveries = Vec::with_capacity(batch.len());
        let mut orders = Vec::with_capacity(batch.len());
        for delivery in batch {
            match judge(&delivery.properties, &delivery.data, now) {
                Verdict::Handle(order) => {
                    orders.push(order);
                    deliveries.push(delivery);
                }
                Verdict::Stamp(order) => self.stamp(delivery, order, held),
                Verdict::Bury(reason, detail) => self.bury(delivery, reason, &detail, held),
            }
        }
        let outcomes = self.handle(orders, session, held, stop).await?;
        let mut settled = Vec::with_capacity(deliveries.len());
        for (delivery, outcome) in deliveries.into_iter().zip(outcomes) {
            match unsettled(outcome) {
                None => settled.push(delivery.delivery_tag),
                Some((reason, detail)) => self.bury(delivery, reason, &detail, held),
            }
        }
        for ack in acks(&settled, held.tags.first().copied()) {
            acknowledge(&session.channel, ack.tag, ack.multiple).await?;
        }
        Ok(())
    }

    async fn handle(
        &self,
        orders: Vec<Order>,
        session: &mut Session,
        held: &mut Held,
        stop: &CancellationToken,
    ) -> Result<Vec<Handled>, Ended> {
        if orders.is_empty() {
            return Ok(Vec::new());
        }
        let mut handling = Handling::new(Arc::clone(&self.handler));
        let until = Instant::now() + KEEP_IN_HAND;
        let handled = self.insist(&orders, &mut handling, Some(until), session, held, stop).await?;
        handled.ok_or(Ended::Away(orders, handling))
    }

    /// Has orders handled, however often it takes; `None` when it takes longer than until then.
    async fn insist(
        &self,
        orders: &[Order],
        handling: &mut Handling,
        until: Option<Instant>,
        session: &mut Session,
        held: &mut Held,
        stop: &CancellationToken,
    ) -> Result<Option<Vec<Handled>>, Ended> {
        let outcomes = loop {
            match self.meanwhile(handling.attempt(orders), &session.channel, held).await {
                Ok(outcomes) => break outcomes,
                Err(_) if stop.is_cancelled() => return Err(Ended::Stopped),
                Err(_) if until.is_some_and(|until| until <= Instant::now()) => return Ok(None),
                Err(pause) => self.rest(pause, session, held, stop).await?,
            }
        };
        let now = self.clock.now();
        for (order, outcome) in orders.iter().zip(&outcomes) {
            if let Handled::Settled(recording) = outcome {
                self.metrics.settled(order, recording, now);
            }
        }
        Ok(Some(outcomes))
    }

    /// Waits for something, and acknowledges meanwhile what is elsewhere: a copy with an identity whose original stays
    /// in hand is billed twice if this process dies.
    async fn meanwhile<T>(&self, work: impl Future<Output = T>, channel: &Channel, held: &mut Held) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                Some((tag, forwarded)) = held.forwards.next() => {
                    // A channel that is lost is noticed by who uses it next.
                    let _ = self.forwarded(tag, forwarded, channel, held).await;
                }
            }
        }
    }

    /// Pauses, unless the session is lost meanwhile or it is to stop.
    async fn rest(
        &self,
        pause: Duration,
        session: &mut Session,
        held: &mut Held,
        stop: &CancellationToken,
    ) -> Result<(), Ended> {
        let until = Instant::now() + pause;
        loop {
            tokio::select! {
                () = sleep_until(until) => return Ok(()),
                () = stop.cancelled() => return Err(Ended::Stopped),
                Some((tag, forwarded)) = held.forwards.next() => {
                    self.forwarded(tag, forwarded, &session.channel, held).await?;
                }
                incident = session.incident() => if let Incident::Lost(cause) = incident {
                    return Err(Ended::Lost(cause));
                },
            }
        }
    }

    fn bury(&self, delivery: Delivery, reason: DeadLetterReason, detail: &str, held: &mut Held) {
        let Delivery { delivery_tag, properties, data, .. } = delivery;
        let message_id = properties.message_id().as_ref().map(ToString::to_string);
        warn!(reason = reason.as_str(), detail, message_id, "a message goes to the dead letters");
        let letter =
            message::dead_letter(&properties, data, (reason, detail), self.clock.now(), &self.topology);
        held.add(delivery_tag, self.forwarder.forward(delivery_tag, Purpose::Bury(reason), letter));
    }

    fn stamp(&self, delivery: Delivery, order: Order, held: &mut Held) {
        let Delivery { delivery_tag, properties, data, .. } = delivery;
        let copy = message::stamped(&properties, data, &order, &self.topology.queue);
        held.add(delivery_tag, self.forwarder.forward(delivery_tag, Purpose::Stamp(order), copy));
    }

    /// Acknowledges a delivery that is elsewhere now.
    async fn forwarded(
        &self,
        tag: u64,
        forwarded: Forwarded,
        channel: &Channel,
        held: &mut Held,
    ) -> Result<(), Ended> {
        match forwarded {
            Forwarded::Done(Purpose::Bury(reason)) => self.metrics.dead_lettered(reason),
            Forwarded::Done(Purpose::Stamp(_)) => {}
            Forwarded::NoRoom(order) => {
                held.unmoved.push((tag, order));
                return Ok(());
            }
        }
        held.tags.remove(&tag);
        acknowledge(channel, tag, false).await
    }

    /// Has an order handled as it is whose copy found no room.
    async fn handle_unmoved(
        &self,
        tag: u64,
        order: Order,
        session: &mut Session,
        held: &mut Held,
        stop: &CancellationToken,
    ) -> Result<(), Ended> {
        // Its id was made a moment ago: it cannot be in conflict, and a ledger that rejects it will do so again when
        // it comes back. For the same reason it is not given back: it would come with another id.
        let mut handling = Handling::new(Arc::clone(&self.handler));
        let outcomes = self.insist(&[order], &mut handling, None, session, held, stop).await?;
        if !matches!(outcomes.as_deref(), Some([Handled::Settled(Recording::Recorded)])) {
            return Err(Ended::Lost("an order without an identity is refused by the ledger".to_owned()));
        }
        held.tags.remove(&tag);
        acknowledge(&session.channel, tag, false).await
    }
}

/// Why a session's work ends.
enum Ended {
    Lost(String),
    Stopped,
    /// These orders cannot be processed for now.
    Away(Vec<Order>, Handling),
}

impl From<lapin::Error> for Ended {
    fn from(error: lapin::Error) -> Self {
        Self::Lost(error.to_string())
    }
}

/// Has the broker send a queue's messages over a channel.
pub(crate) async fn subscribe(channel: &Channel, queue: &str) -> lapin::Result<lapin::Consumer> {
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    channel.basic_consume(queue.into(), "".into(), options, arguments).await
}

/// The first delivery, and those that are there already.
fn ready(first: Delivery, consumer: &mut lapin::Consumer) -> Vec<Delivery> {
    let mut batch = vec![first];
    while batch.len() < MAX_BATCH {
        // The end of the stream, or its error, comes again at the next look.
        let Some(Some(Ok(delivery))) = consumer.next().now_or_never() else { break };
        batch.push(delivery);
    }
    batch
}

async fn acknowledge(channel: &Channel, tag: u64, multiple: bool) -> Result<(), Ended> {
    Ok(channel.basic_ack(tag, BasicAckOptions { multiple }).await?)
}

/// Why an order that was handled is not settled.
fn unsettled(outcome: Handled) -> Option<(DeadLetterReason, String)> {
    match outcome {
        Handled::Settled(Recording::Recorded | Recording::AlreadyRecorded) => None,
        Handled::Settled(Recording::Conflict) => {
            let detail = "an order with this id is recorded already, with other content";
            Some((DeadLetterReason::Conflict, detail.to_owned()))
        }
        Handled::Settled(Recording::Rejected(detail)) => Some((DeadLetterReason::Rejected, detail)),
        Handled::Panicked => {
            let detail = "processing it panics";
            Some((DeadLetterReason::Undeliverable, detail.to_owned()))
        }
    }
}
