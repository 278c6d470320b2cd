use std::sync::{Arc, Mutex};
use std::time::Duration;

use keeper_ports::Clock;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::broker::{QUEUE, SimulatedBroker};
use super::bug::Bug;
use super::publishing::publisher;
use super::session::SimulatedSession;
use crate::connection::SessionEnd;
use crate::consumer::{ConsumerSession, Forwarder, MessageHandler, Parts, Shutdown, Worker};

/// A unit that consumes, and is started again whenever it has ended.
pub(super) struct Unit {
    pub(super) broker: Arc<SimulatedBroker>,
    pub(super) handler: Arc<dyn MessageHandler>,
    pub(super) clock: Arc<dyn Clock>,
    life: Mutex<Life>,
    pub(super) retired: CancellationToken,
}

/// How a process ends.
#[derive(Clone, Default)]
struct Life {
    killed: CancellationToken,
    stopped: CancellationToken,
}

impl Unit {
    pub(super) fn start(
        broker: &Arc<SimulatedBroker>,
        handler: &Arc<dyn MessageHandler>,
        clock: &Arc<dyn Clock>,
    ) -> (Arc<Self>, tokio::task::JoinHandle<()>) {
        let unit = Arc::new(Self {
            broker: Arc::clone(broker),
            handler: Arc::clone(handler),
            clock: Arc::clone(clock),
            life: Mutex::default(),
            retired: CancellationToken::new(),
        });
        let running = Arc::clone(&unit);
        let ended = tokio::spawn(async move {
            while !running.retired.is_cancelled() {
                let life = Life { killed: CancellationToken::new(), stopped: running.retired.child_token() };
                *running.life.lock().unwrap() = life.clone();
                life.killed.run_until_cancelled(running.live(&life.stopped)).await;
                sleep(running.broker.random.millis(2_000)).await;
            }
        });
        (unit, ended)
    }

    pub(super) fn kill(&self) {
        self.life.lock().unwrap().killed.cancel();
    }

    pub(super) fn stop(&self) {
        self.life.lock().unwrap().stopped.cancel();
    }

    /// As [`Consumer::run`](crate::Consumer::run), over simulated sessions.
    async fn live(&self, stop: &CancellationToken) {
        let careless = self.broker.bug == Some(Bug::ForwardedBeforeConfirm);
        let publisher = publisher(&self.broker, careless);
        let forwarder = Forwarder::new(publisher, self.broker.topology.clone(), Arc::clone(&self.clock));
        let parts = Parts { queue: QUEUE.to_owned(), handler: Arc::clone(&self.handler), forwarder };
        while !stop.is_cancelled() {
            if let Some(mut session) = SimulatedSession::open(&self.broker)
                && let Ok(deliveries) = session.subscribe(QUEUE).await
            {
                let shutdown = Shutdown::new(stop);
                if Worker::new(&parts, &mut session, deliveries, &shutdown).run().await == SessionEnd::Stopped
                {
                    return;
                }
            }
            sleep(Duration::from_millis(300)).await;
        }
    }
}
