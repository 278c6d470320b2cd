//! The consumer's loop over one session.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::Fuse;
use futures_util::{FutureExt, StreamExt};
use keeper_domain::Order;
use keeper_ports::Clock;
use keeper_ports::billing::{OrderHandler, OrderIds};
use keeper_telemetry::metrics::ProcessingMetrics;
use lapin::Channel;
use lapin::message::Delivery;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicNackOptions};
use lapin::types::FieldTable;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::attempts::Attempts;
use crate::connection::{Incident, Session};
use crate::forward::Forwarder;
use crate::held::Held;
use crate::shift::{Ended, Shift, answered};
use crate::topology::Topology;

/// The most messages of one batch. Below the default prefetch, so that the next batch comes while this one is settled.
const MAX_BATCH: usize = 250;

/// How long a batch waits for more orders when they come in numbers: each batch costs the broker and the database a write
/// to the disk, however few orders it has. An order that comes alone does not wait.
const LINGER: Duration = Duration::from_millis(10);

/// How long what was delivered before the stop may take. What is not settled by then is delivered again later. With what
/// a shift takes to end, and the connections to close, it is less than the supervisor waits for a task.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// What it takes to settle messages.
pub(crate) struct Work {
    pub(crate) handler: Arc<dyn OrderHandler>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn OrderIds>,
    pub(crate) metrics: ProcessingMetrics,
    pub(crate) topology: Topology,
    pub(crate) forwarder: Forwarder,
}

impl Work {
    /// Settles messages until the session is lost, and says why; `None` when it is to stop.
    pub(crate) async fn run(
        self,
        session: &mut Session,
        consumer: lapin::Consumer,
        stop: &CancellationToken,
    ) -> Option<String> {
        // The library says only once that a consumer has ended, and nothing afterwards.
        let mut consumer = consumer.fuse();
        let (overdue, _timer) = overdue(stop.clone());
        let mut shift = Shift { work: &self, session, held: Held::default(), stop, overdue: &overdue };
        loop {
            let mut ended = shift.consume(&mut consumer).await;
            if let Ended::Away(orders, attempts) = ended {
                match shift.sit_out(orders, attempts, &consumer).await {
                    Ok(again) => {
                        consumer = again.fuse();
                        continue;
                    }
                    Err(error) => ended = error,
                }
            }
            return match ended {
                Ended::Lost(cause) => Some(cause),
                Ended::Stopped | Ended::Away(..) => {
                    shift.finish().await;
                    None
                }
            };
        }
    }
}

impl Shift<'_> {
    /// Settles messages until it cannot go on.
    async fn consume(&mut self, consumer: &mut Fuse<lapin::Consumer>) -> Ended {
        let mut stopping = false;
        let mut last_batch = 0;
        loop {
            let drained = consumer.is_done() && stopping;
            if drained && self.held.tags.is_empty() {
                return Ended::Stopped;
            }
            if let Some(unmoved) = self.held.unmoved.pop() {
                if let Err(ended) = self.handle_unmoved(unmoved).await {
                    return ended;
                }
                continue;
            }
            let settled = tokio::select! {
                () = self.stop.cancelled(), if !stopping => {
                    stopping = true;
                    answered(self.overdue, cancel(&self.session.channel, consumer.get_ref())).await
                }
                () = self.overdue.cancelled() => return Ended::Stopped,
                delivery = consumer.next(), if !drained => match delivery {
                    Some(Ok(first)) => {
                        if last_batch > 1 {
                            sleep(LINGER).await;
                        }
                        let batch = ready(first, consumer);
                        last_batch = batch.len();
                        self.settle(batch).await
                    }
                    Some(Err(error)) => Err(error.into()),
                    None if stopping => Ok(()),
                    None => {
                        Err(Ended::Lost("the broker ended the consumer, as it does when the queue goes".into()))
                    }
                },
                Some((tag, forwarded)) = self.held.forwards.next() => self.forwarded(tag, forwarded).await,
                incident = self.session.incident() => match incident {
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
    /// own messages will come again, and are recognised; a message on its way to the dead letters may get there twice.
    async fn sit_out(
        &mut self,
        orders: Vec<Order>,
        mut attempts: Attempts,
        consumer: &Fuse<lapin::Consumer>,
    ) -> Result<lapin::Consumer, Ended> {
        answered(self.overdue, cancel(&self.session.channel, consumer.get_ref())).await?;
        self.held = Held { let_go_at: self.held.let_go_at, ..Held::default() };
        answered(self.overdue, give_back(&self.session.channel)).await?;
        self.insist(&orders, &mut attempts, None, self.stop).await?;
        answered(self.overdue, subscribe(&self.session.channel, &self.work.topology.queue)).await
    }
}

/// Cancelled when what was delivered before the stop has taken too long; not after the handle is dropped.
fn overdue(stop: CancellationToken) -> (CancellationToken, AbortOnDropHandle<()>) {
    let overdue = CancellationToken::new();
    let token = overdue.clone();
    let timer = tokio::spawn(async move {
        stop.cancelled().await;
        sleep(STOP_GRACE).await;
        token.cancel();
    });
    (overdue, AbortOnDropHandle::new(timer))
}

/// Has the broker send no more. What it has sent is still to come, and then the end of the consumer.
pub(crate) async fn cancel(channel: &Channel, consumer: &lapin::Consumer) -> lapin::Result<()> {
    channel.basic_cancel(consumer.tag(), BasicCancelOptions::default()).await
}

/// Gives back every delivery that is not acknowledged.
pub(crate) async fn give_back(channel: &Channel) -> lapin::Result<()> {
    // Tag 0 with `multiple` stands for all of them.
    channel.basic_nack(0, BasicNackOptions { multiple: true, requeue: true }).await
}

/// Has the broker send a queue's messages over a channel.
pub(crate) async fn subscribe(channel: &Channel, queue: &str) -> lapin::Result<lapin::Consumer> {
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    channel.basic_consume(queue.into(), "".into(), options, arguments).await
}

/// The first delivery, and those that are there already.
fn ready(first: Delivery, consumer: &mut Fuse<lapin::Consumer>) -> Vec<Delivery> {
    let mut batch = vec![first];
    while batch.len() < MAX_BATCH {
        // The end comes again at the next look, also after an error.
        let Some(Some(Ok(delivery))) = consumer.next().now_or_never() else { break };
        batch.push(delivery);
    }
    batch
}
