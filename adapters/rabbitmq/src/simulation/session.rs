use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::sync::{mpsc, oneshot};

use super::broker::{Command, Sent, SimulatedBroker};
use crate::connection::{Incident, SessionEnd};
use crate::consumer::{Ack, ConsumerSession};

/// A consumer's session with the simulated broker.
pub(super) struct SimulatedSession {
    broker: Arc<SimulatedBroker>,
    id: u64,
    incidents: mpsc::UnboundedReceiver<Incident>,
}

pub(super) struct SimulatedDeliveries(mpsc::UnboundedReceiver<Sent>);

impl Stream for SimulatedDeliveries {
    type Item = Sent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Sent>> {
        self.0.poll_recv(context)
    }
}

impl SimulatedSession {
    pub(super) fn open(broker: &Arc<SimulatedBroker>) -> Option<Self> {
        let (id, incidents) = broker.open()?;
        Some(Self { broker: Arc::clone(broker), id, incidents })
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, SessionEnd> {
        let (answer, answered) = oneshot::channel();
        self.broker.command(self.id, command(answer))?;
        answered.await.map_err(|_| SessionEnd::Lost("simulated".to_owned()))
    }
}

impl ConsumerSession for SimulatedSession {
    type Deliveries = SimulatedDeliveries;

    async fn subscribe(&mut self, _queue: &str) -> Result<SimulatedDeliveries, SessionEnd> {
        self.ask(Command::Subscribe).await.map(SimulatedDeliveries)
    }

    async fn cancel(&mut self, _deliveries: &SimulatedDeliveries) -> Result<(), SessionEnd> {
        self.ask(Command::Cancel).await
    }

    async fn acknowledge(&mut self, ack: Ack) -> Result<(), SessionEnd> {
        self.broker.command(self.id, Command::Acknowledge(ack))
    }

    async fn requeue(&mut self, tag: u64) -> Result<(), SessionEnd> {
        self.broker.command(self.id, Command::Requeue(tag))
    }

    async fn incident(&mut self) -> Incident {
        self.incidents.recv().await.unwrap_or_else(|| Incident::Lost("simulated".to_owned()))
    }
}

impl Drop for SimulatedSession {
    fn drop(&mut self) {
        self.broker.lose(self.id);
    }
}
