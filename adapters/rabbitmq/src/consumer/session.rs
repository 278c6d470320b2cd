use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::{Stream, StreamExt};
use lapin::message::Delivery;
use lapin::options::BasicAckOptions;

use super::acks::Ack;
use crate::connection::{Incident, Session, SessionEnd, cancel, requeue, subscribe};

/// What a worker asks of the session whose messages it settles: a real one, or the simulated one of the tests.
pub(crate) trait ConsumerSession: Send {
    /// The messages of a subscription; it ends when the broker sends no more.
    type Deliveries: Stream<Item = Result<Delivery, SessionEnd>> + Unpin + Send;

    /// Has the broker send a queue's messages.
    fn subscribe(&mut self, queue: &str)
    -> impl Future<Output = Result<Self::Deliveries, SessionEnd>> + Send;

    /// Has the broker send no more. What it has sent is still to come, and then the end.
    fn cancel(
        &mut self,
        deliveries: &Self::Deliveries,
    ) -> impl Future<Output = Result<(), SessionEnd>> + Send;

    /// Says that deliveries are settled.
    fn acknowledge(&mut self, ack: Ack) -> impl Future<Output = Result<(), SessionEnd>> + Send;

    /// Gives a delivery back to its queue.
    fn requeue(&mut self, tag: u64) -> impl Future<Output = Result<(), SessionEnd>> + Send;

    /// Waits for what happens to the connection by itself. It is safe to be dropped and called again.
    fn incident(&mut self) -> impl Future<Output = Incident> + Send;
}

/// The messages that a broker sends over a real session.
pub(crate) struct Deliveries(lapin::Consumer);

impl Stream for Deliveries {
    type Item = Result<Delivery, SessionEnd>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context).map_err(SessionEnd::from)
    }
}

impl ConsumerSession for Session {
    type Deliveries = Deliveries;

    fn subscribe(
        &mut self,
        queue: &str,
    ) -> impl Future<Output = Result<Self::Deliveries, SessionEnd>> + Send {
        let channel = &self.channel;
        async move { Ok(Deliveries(subscribe(channel, queue).await?)) }
    }

    fn cancel(
        &mut self,
        deliveries: &Self::Deliveries,
    ) -> impl Future<Output = Result<(), SessionEnd>> + Send {
        let channel = &self.channel;
        async move { Ok(cancel(channel, &deliveries.0).await?) }
    }

    fn acknowledge(
        &mut self,
        Ack { tag, multiple }: Ack,
    ) -> impl Future<Output = Result<(), SessionEnd>> + Send {
        let channel = &self.channel;
        async move { Ok(channel.basic_ack(tag, BasicAckOptions { multiple }).await?) }
    }

    fn requeue(&mut self, tag: u64) -> impl Future<Output = Result<(), SessionEnd>> + Send {
        let channel = &self.channel;
        async move { Ok(requeue(channel, tag).await?) }
    }

    async fn incident(&mut self) -> Incident {
        Self::incident(self).await
    }
}
