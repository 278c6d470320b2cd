use std::sync::Arc;
use std::time::Duration;

use keeper_ports::Clock;
use lapin::Channel;
use lapin::options::BasicQosOptions;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::forward::Forwarder;
use super::handler::MessageHandler;
use super::session::ConsumerSession;
use super::worker::{Parts, Shutdown, Worker};
use crate::connection::{
    Broker, BrokerProbe, CONNECT_TIMEOUT, ConnectionRole, Inspection, Session, SessionEnd, Supervisor,
    Topology, depth,
};
use crate::publisher::{Publisher, PublisherTask};

/// How often the queues are measured.
const MEASURE_EVERY: Duration = Duration::from_secs(5);

/// Takes messages from a queue, has them handled in batches, and acknowledges them when they are settled. Those that can
/// never be processed go to the queue's dead letters.
///
/// While nothing can be handled for long, the messages in hand are given back, and none are taken: the broker's
/// `consumer_timeout` ends no session for it, and no message nears the queue's delivery limit, however long that lasts.
pub struct Consumer {
    broker: Broker,
    prefetch: u16,
    handler: Arc<dyn MessageHandler>,
    supervisor: Supervisor,
    forwarder: Forwarder,
    publishing: PublisherTask,
}

impl Consumer {
    /// Makes the consumer; nothing happens until it runs. It holds at most `prefetch` messages at once. What goes on
    /// to another place is published over a connection of its own.
    pub fn new(
        broker: &Broker,
        prefetch: u16,
        handler: Arc<dyn MessageHandler>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (publisher, publishing) = Publisher::in_role(broker, ConnectionRole::DeadLetters);
        let supervisor = Supervisor::new(broker.clone(), ConnectionRole::Consumer);
        let forwarder = Forwarder::new(publisher, broker.topology().clone(), clock);
        Self { broker: broker.clone(), prefetch, handler, supervisor, forwarder, publishing }
    }

    /// Says whether messages are taken from the queue.
    pub fn probe(&self) -> Arc<BrokerProbe> {
        Arc::new(BrokerProbe::of(self.supervisor.watch()))
    }

    /// Consumes until `stop`; then finishes what was delivered, acknowledges it, and closes the connections.
    pub async fn run(self, stop: CancellationToken) {
        let Self { broker, prefetch, handler, mut supervisor, forwarder, publishing } = self;
        let stop_publishing = CancellationToken::new();
        let publishing = tokio::spawn(publishing.run(stop_publishing.clone()));
        let parts = Parts { queue: broker.topology().queue.clone(), handler, forwarder };
        while let Ok(session) = supervisor.session(&stop).await {
            let end = serve(&broker, prefetch, &parts, &mut supervisor, session, &stop).await;
            let (SessionEnd::Lost(cause) | SessionEnd::Silent(cause)) = end else { break };
            if supervisor.lost(cause, &stop).await.is_err() {
                break;
            }
        }
        supervisor.stopped();
        stop_publishing.cancel();
        // A task that panicked has nothing left to be waited for.
        let _ = publishing.await;
    }
}

/// Consumes until the session ends.
async fn serve(
    broker: &Broker,
    prefetch: u16,
    parts: &Parts,
    supervisor: &mut Supervisor,
    mut session: Session,
    stop: &CancellationToken,
) -> SessionEnd {
    let first_steps = async {
        session.channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
        let deliveries = session.subscribe(&parts.queue).await?;
        Ok::<_, SessionEnd>((deliveries, session.connection.create_channel().await?))
    };
    let (deliveries, channel) = match stop.run_until_cancelled(timeout(CONNECT_TIMEOUT, first_steps)).await {
        None => return SessionEnd::Stopped,
        Some(Err(_)) => return SessionEnd::Lost("the broker connected and then did not answer".to_owned()),
        Some(Ok(Err(end))) => return end,
        Some(Ok(Ok(begun))) => begun,
    };
    let measuring = (session.inspection == Inspection::Allowed)
        .then(|| measure(channel, broker.topology().clone(), Arc::clone(&parts.handler)));
    supervisor.up();
    let shutdown = Shutdown::new(stop);
    let end = Worker::new(parts, &mut session, deliveries, &shutdown).run().await;
    drop(measuring);
    if end == SessionEnd::Stopped {
        session.close().await;
    }
    end
}

/// Measures the queues from time to time, until the handle is dropped or a queue is gone, which ends the consumer too.
fn measure(channel: Channel, topology: Topology, handler: Arc<dyn MessageHandler>) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        while let (Ok(ready), Ok(dead)) =
            (depth(&channel, &topology.queue).await, depth(&channel, &topology.dead_queue).await)
        {
            handler.measured(ready, dead);
            sleep(MEASURE_EVERY).await;
        }
    }))
}
