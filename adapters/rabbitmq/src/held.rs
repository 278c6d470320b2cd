use std::collections::BTreeSet;

use futures_util::stream::FuturesUnordered;
use keeper_domain::Order;
use tokio::time::Instant;

use crate::forward::Forward;
use crate::publisher::Outgoing;

/// The deliveries of one session that are not settled: they wait until the broker has them elsewhere.
#[derive(Default)]
pub(crate) struct Held {
    pub(crate) tags: BTreeSet<u64>,
    pub(crate) forwards: FuturesUnordered<Forward>,
    /// Those that found no room.
    pub(crate) unmoved: Vec<Unmoved>,
    /// How many of those on their way get an identity.
    pub(crate) stamping: usize,
    /// When a delivery was last acknowledged that would come again as something else.
    pub(crate) let_go_at: Option<Instant>,
}

/// A delivery without an identity whose copy with one found no room.
pub(crate) struct Unmoved {
    pub(crate) tag: u64,
    pub(crate) order: Order,
    pub(crate) copy: Box<Outgoing>,
}

impl Held {
    pub(crate) fn add(&mut self, tag: u64, forward: Forward) {
        self.tags.insert(tag);
        self.forwards.push(forward);
    }
}
