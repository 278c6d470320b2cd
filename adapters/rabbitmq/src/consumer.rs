use std::sync::Arc;
use std::time::Duration;

use keeper_ports::Clock;
use keeper_ports::billing::{OrderHandler, OrderIds};
use keeper_telemetry::metrics::ProcessingMetrics;
use lapin::Channel;
use lapin::options::BasicQosOptions;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::connection::{Broker, Session};
use crate::forward::Forwarder;
use crate::link::{BrokerProbe, Link};
use crate::metrics::Side;
use crate::publisher::{Publisher, PublisherTask};
use crate::topology::{Topology, depth};
use crate::work::{Work, subscribe};

/// How often the queues are measured.
const MEASURE_EVERY: Duration = Duration::from_secs(5);

/// Takes orders from the queue, has them processed in batches, and acknowledges them when they are settled.
///
/// While the ledger is away for long, the messages in hand are given back, and none are taken: the broker's
/// `consumer_timeout` ends no session for it, and no message nears the queue's delivery limit, however long that lasts.
pub struct Consumer {
    broker: Broker,
    handler: Arc<dyn OrderHandler>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn OrderIds>,
    metrics: ProcessingMetrics,
    link: Link,
    publisher: Publisher,
    publishing: PublisherTask,
}

impl Consumer {
    /// Makes the consumer; nothing happens until it runs. It publishes what goes on elsewhere (dead letters) over a
    /// connection of its own.
    pub fn new(
        broker: &Broker,
        handler: Arc<dyn OrderHandler>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn OrderIds>,
        metrics: ProcessingMetrics,
    ) -> Self {
        let (publisher, publishing) = Publisher::new(broker, Side::DeadLetters);
        let link = Link::new(broker.clone(), Side::Consumer);
        Self { broker: broker.clone(), handler, clock, ids, metrics, link, publisher, publishing }
    }

    /// Says whether orders are taken from the queue.
    pub fn probe(&self) -> Arc<BrokerProbe> {
        Arc::new(BrokerProbe(self.link.watch()))
    }

    /// Consumes until `stop`; then finishes what is in hand, acknowledges it, and closes the connections.
    pub async fn run(self, stop: CancellationToken) {
        let Self { broker, handler, clock, ids, metrics, mut link, publisher, publishing } = self;
        let stop_publishing = CancellationToken::new();
        let publishing = tokio::spawn(publishing.run(stop_publishing.clone()));
        let forwarder = Forwarder::new(publisher);
        while let Some(session) = link.session(&stop).await {
            let work = Work {
                handler: Arc::clone(&handler),
                clock: Arc::clone(&clock),
                ids: Arc::clone(&ids),
                metrics: metrics.clone(),
                topology: broker.topology().clone(),
                forwarder: forwarder.clone(),
            };
            let Some(cause) = serve(&broker, &mut link, session, work, &stop).await else { break };
            if link.lost(cause, &stop).await.is_none() {
                break;
            }
        }
        link.stopped();
        stop_publishing.cancel();
        // A task that panicked has nothing left to be waited for.
        let _ = publishing.await;
    }
}

/// Consumes until the session is lost, and says why; `None` when it is to stop.
async fn serve(
    broker: &Broker,
    link: &mut Link,
    mut session: Session,
    work: Work,
    stop: &CancellationToken,
) -> Option<String> {
    let begun = stop.run_until_cancelled(async {
        let consumer = consume(broker, &session.channel).await?;
        Ok::<_, lapin::Error>((consumer, session.connection.create_channel().await?))
    });
    let (consumer, channel) = match begun.await? {
        Ok(begun) => begun,
        Err(error) => return Some(error.to_string()),
    };
    let measuring = measure(channel, broker.topology().clone(), work.metrics.clone());
    link.up();
    let ended = work.run(&mut session, consumer, stop).await;
    drop(measuring);
    if ended.is_none() {
        session.close().await;
    }
    ended
}

async fn consume(broker: &Broker, channel: &Channel) -> lapin::Result<lapin::Consumer> {
    channel.basic_qos(broker.prefetch(), BasicQosOptions::default()).await?;
    subscribe(channel, &broker.topology().queue).await
}

/// Measures the queues from time to time, until the handle is dropped or a queue is gone, which ends the consumer too.
fn measure(channel: Channel, topology: Topology, metrics: ProcessingMetrics) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        while let (Ok(ready), Ok(dead)) =
            (depth(&channel, &topology.queue).await, depth(&channel, &topology.dead_queue).await)
        {
            metrics.set_queue_depth(ready);
            metrics.set_dead_letters(dead);
            sleep(MEASURE_EVERY).await;
        }
    }))
}
