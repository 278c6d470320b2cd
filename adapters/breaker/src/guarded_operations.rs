use std::sync::Arc;

use async_trait::async_trait;
use keeper_domain::{DeadLetterId, DeadLetterList, DeadLetterSelection, DeadLettersTaken};
use keeper_ports::PortResult;
use keeper_ports::billing::DeadLetterOperations;

use crate::Upstream;

/// Dead letters whose upstream may hang.
pub struct GuardedOperations {
    upstream: Arc<Upstream>,
    dead_letters: Arc<dyn DeadLetterOperations>,
}

impl GuardedOperations {
    /// Decorates whoever looks after the dead letters.
    pub fn new(upstream: Arc<Upstream>, dead_letters: Arc<dyn DeadLetterOperations>) -> Self {
        Self { upstream, dead_letters }
    }
}

#[async_trait]
impl DeadLetterOperations for GuardedOperations {
    async fn list(&self, limit: usize) -> PortResult<DeadLetterList> {
        self.upstream.call(self.dead_letters.list(limit)).await
    }

    async fn find(&self, id: DeadLetterId) -> PortResult<DeadLetterList> {
        self.upstream.call(self.dead_letters.find(id)).await
    }

    async fn replay(&self, selection: DeadLetterSelection) -> PortResult<DeadLettersTaken> {
        self.upstream.call(self.dead_letters.replay(selection)).await
    }

    async fn discard(&self, id: DeadLetterId, because: String) -> PortResult<DeadLettersTaken> {
        self.upstream.call(self.dead_letters.discard(id, because)).await
    }
}
