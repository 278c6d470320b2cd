use std::collections::BTreeSet;

use futures_util::stream::FuturesUnordered;
use keeper_domain::Order;
use tokio::time::Instant;

use crate::forward::Forward;

/// The deliveries of one session that are not settled: they wait until the broker has them elsewhere.
#[derive(Default)]
pub(crate) struct Held {
    pub(crate) tags: BTreeSet<u64>,
    pub(crate) forwards: FuturesUnordered<Forward>,
    /// Those that found no room, with their orders.
    pub(crate) unmoved: Vec<(u64, Order)>,
    /// When a delivery was last acknowledged whose copy with an identity is in the queue.
    pub(crate) replaced_at: Option<Instant>,
}

impl Held {
    pub(crate) fn add(&mut self, tag: u64, forward: Forward) {
        self.tags.insert(tag);
        self.forwards.push(forward);
    }
}
