use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use keeper_domain::{IdempotencyKey, Order, OrderDraft, OrderId, RecordedOrder, UserId};
use keeper_ports::billing::{OrderBook, OrderIds, OrderIntake, OrderQueue, Submission};
use keeper_ports::{Clock, PortResult};

/// How long an order is held up to learn what its key names. A look takes a few milliseconds; one that takes longer is given up.
const PATIENCE: Duration = Duration::from_millis(50);

/// Gives an order its identity and hands it to the queue.
pub struct Intake {
    queue: Arc<dyn OrderQueue>,
    book: Arc<dyn OrderBook>,
    ids: Arc<dyn OrderIds>,
    clock: Arc<dyn Clock>,
}

impl Intake {
    /// Assembles the use case. The book is looked into for orders that have a key.
    pub fn new(
        queue: Arc<dyn OrderQueue>,
        book: Arc<dyn OrderBook>,
        ids: Arc<dyn OrderIds>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { queue, book, ids, clock }
    }

    /// The id that a key gives, and the order that is recorded under it. What the version 0.1 recorded keeps the id that it gave.
    async fn identify(&self, user: &UserId, key: &IdempotencyKey) -> (OrderId, Option<RecordedOrder>) {
        if let Some(before) = OrderId::derive_as_written(user, key)
            && let Some(known) = self.known(before).await
        {
            return (before, Some(known));
        }
        let id = OrderId::derive(user, key);
        (id, self.known(id).await)
    }

    /// The order that is recorded under an id, if that can be known in a moment.
    async fn known(&self, id: OrderId) -> Option<RecordedOrder> {
        let mut look = pin!(self.book.find(id, Duration::ZERO));
        let mut limit = pin!(self.clock.sleep(PATIENCE));
        let found = poll_fn(|context| match look.as_mut().poll(context) {
            Poll::Ready(found) => Poll::Ready(Some(found)),
            Poll::Pending => limit.as_mut().poll(context).map(|()| None),
        });
        // That the book is away is said by those who ask for it.
        found.await?.ok().flatten()
    }
}

#[async_trait]
impl OrderIntake for Intake {
    async fn submit(&self, draft: OrderDraft, key: Option<IdempotencyKey>) -> PortResult<Submission> {
        let (id, known) = match key {
            None => (self.ids.next(), None),
            Some(key) => self.identify(&draft.user, &key).await,
        };
        let order = Order { id, draft, created_at: self.clock.now() };
        // One that is on its way to the ledger is not seen here: then the ledger finds the conflict.
        if known.is_some_and(|known| !order.repeats(&known.order)) {
            return Ok(Submission::KeyReused);
        }
        self.queue.enqueue(order.clone()).await?;
        Ok(Submission::Accepted(order))
    }
}

#[cfg(test)]
#[path = "intake_tests.rs"]
mod tests;
