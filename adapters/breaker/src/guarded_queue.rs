use std::sync::Arc;

use async_trait::async_trait;
use keeper_domain::Order;
use keeper_ports::PortResult;
use keeper_ports::billing::OrderQueue;

use crate::Upstream;

/// An order queue whose broker may hang. An order that is refused at once was not handed to it; one that is tried is waited for as
/// long as any other.
pub struct GuardedQueue {
    upstream: Arc<Upstream>,
    queue: Arc<dyn OrderQueue>,
}

impl GuardedQueue {
    /// Decorates an order queue.
    pub fn new(upstream: Arc<Upstream>, queue: Arc<dyn OrderQueue>) -> Self {
        Self { upstream, queue }
    }
}

#[async_trait]
impl OrderQueue for GuardedQueue {
    async fn enqueue(&self, order: Order) -> PortResult<()> {
        self.upstream.call(self.queue.enqueue(order)).await
    }
}
