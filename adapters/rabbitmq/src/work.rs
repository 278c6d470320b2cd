//! The consumer's loop over one session.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use keeper_domain::{DeadLetterReason, Order, Recording};
use keeper_ports::Clock;
use keeper_ports::billing::OrderHandler;
use keeper_wire::metrics::ProcessingMetrics;
use lapin::Channel;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicCancelOptions};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::batch::{Verdict, acks, judge};
use crate::connection::{Incident, Session};
use crate::forward::{Forward, Forwarded, Forwarder, Purpose};
use crate::handling::{Handled, Handling};
use crate::message;
use crate::topology::Topology;

/// The most messages of one batch. Below the default prefetch, so that the next batch comes while this one is settled.
const MAX_BATCH: usize = 250;

/// How long a batch waits for more orders when they come in numbers: each batch costs the broker and the database a write
/// to the disk, however few orders it has. An order that comes alone does not wait.
const LINGER: Duration = Duration::from_millis(10);

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

/// The deliveries of one session that are not settled: they wait until the broker has them elsewhere.
#[derive(Default)]
struct Held {
    tags: BTreeSet<u64>,
    forwards: FuturesUnordered<Forward>,
}

impl Held {
    fn add(&mut self, tag: u64, forward: Forward) {
        self.tags.insert(tag);
        self.forwards.push(forward);
    }
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
        let mut deadline = None;
        let mut drained = false;
        let mut last_batch = 0;
        loop {
            if drained && held.tags.is_empty() {
                return None;
            }
            let until = deadline.unwrap_or_else(Instant::now);
            let settled = tokio::select! {
                () = stop.cancelled(), if deadline.is_none() => {
                    deadline = Some(Instant::now() + STOP_GRACE);
                    let cancelled = session.channel.basic_cancel(consumer.tag(), BasicCancelOptions::default());
                    cancelled.await.map_err(|error| Ended::Lost(error.to_string()))
                }
                () = sleep_until(until), if deadline.is_some() => return None,
                delivery = consumer.next(), if !drained => match delivery {
                    Some(Ok(first)) => {
                        if last_batch > 1 {
                            sleep(LINGER).await;
                        }
                        let batch = ready(first, &mut consumer);
                        last_batch = batch.len();
                        self.settle(batch, session, &mut held, stop).await
                    }
                    Some(Err(error)) => Err(Ended::Lost(error.to_string())),
                    None if deadline.is_some() => {
                        drained = true;
                        Ok(())
                    }
                    None => Err(Ended::Lost("the broker ended the consumer, as it does when the queue goes".into())),
                },
                Some((tag, forwarded)) = held.forwards.next() => {
                    self.forwarded(tag, forwarded, session, &mut held, stop).await
                }
                incident = session.incident() => match incident {
                    Incident::Lost(cause) => Err(Ended::Lost(cause)),
                    // This connection publishes nothing.
                    Incident::Blocked(_) | Incident::Unblocked => Ok(()),
                },
            };
            match settled {
                Ok(()) => {}
                Err(Ended::Lost(cause)) => return Some(cause),
                Err(Ended::Stopped) => return None,
            }
        }
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
        let outcomes = self.handle(orders, session, stop).await?;
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
        stop: &CancellationToken,
    ) -> Result<Vec<Handled>, Ended> {
        if orders.is_empty() {
            return Ok(Vec::new());
        }
        let mut handling = Handling::new(Arc::clone(&self.handler));
        let outcomes = loop {
            match handling.attempt(&orders).await {
                Ok(outcomes) => break outcomes,
                Err(pause) => {
                    if stop.is_cancelled() {
                        return Err(Ended::Stopped);
                    }
                    rest(pause, session, stop).await?;
                }
            }
        };
        let now = self.clock.now();
        for (order, outcome) in orders.iter().zip(&outcomes) {
            if let Handled::Settled(recording) = outcome {
                self.metrics.settled(order, recording, now);
            }
        }
        Ok(outcomes)
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
        session: &mut Session,
        held: &mut Held,
        stop: &CancellationToken,
    ) -> Result<(), Ended> {
        match forwarded {
            Forwarded::Done(Purpose::Bury(reason)) => self.metrics.dead_lettered(reason),
            Forwarded::Done(Purpose::Stamp(_)) => {}
            Forwarded::NoRoom(order) => {
                // Its id was made a moment ago: it cannot be in conflict, and a ledger that rejects it will do so
                // again when it comes back.
                let outcomes = self.handle(vec![order], session, stop).await?;
                if !matches!(outcomes[..], [Handled::Settled(Recording::Recorded)]) {
                    return Err(Ended::Lost(
                        "an order without an identity is refused by the ledger".to_owned(),
                    ));
                }
            }
        }
        held.tags.remove(&tag);
        acknowledge(&session.channel, tag, false).await
    }
}

/// Why a session's work ends.
enum Ended {
    Lost(String),
    Stopped,
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
    let acknowledged = channel.basic_ack(tag, BasicAckOptions { multiple }).await;
    acknowledged.map_err(|error| Ended::Lost(error.to_string()))
}

/// Pauses, unless the session is lost meanwhile or it is to stop.
async fn rest(pause: Duration, session: &mut Session, stop: &CancellationToken) -> Result<(), Ended> {
    let until = Instant::now() + pause;
    loop {
        tokio::select! {
            () = sleep_until(until) => return Ok(()),
            () = stop.cancelled() => return Err(Ended::Stopped),
            incident = session.incident() => if let Incident::Lost(cause) = incident {
                return Err(Ended::Lost(cause));
            },
        }
    }
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
