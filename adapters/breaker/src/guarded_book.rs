use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keeper_domain::{OrderId, Page, RecordedOrder, Slice, UserId};
use keeper_ports::PortResult;
use keeper_ports::billing::OrderBook;

use crate::Upstream;

/// An order book whose upstream may hang.
pub struct GuardedBook {
    upstream: Arc<Upstream>,
    book: Arc<dyn OrderBook>,
}

impl GuardedBook {
    /// Decorates an order book.
    pub fn new(upstream: Arc<Upstream>, book: Arc<dyn OrderBook>) -> Self {
        Self { upstream, book }
    }
}

#[async_trait]
impl OrderBook for GuardedBook {
    async fn find(&self, id: OrderId, wait: Duration) -> PortResult<Option<RecordedOrder>> {
        self.upstream.call_for(wait, self.book.find(id, wait)).await
    }

    async fn list(&self, user: UserId, page: Page<OrderId>) -> PortResult<Slice<RecordedOrder>> {
        self.upstream.call(self.book.list(user, page)).await
    }
}
