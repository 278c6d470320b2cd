use std::sync::Arc;

use async_trait::async_trait;
use keeper_domain::{DeadLetterId, DeadLetterList, DeadLetterSelection, DeadLettersTaken};
use keeper_ports::PortResult;
use keeper_ports::billing::{DeadLetters, Keep};

use super::call::in_span;
use super::queue::Messaging;
use crate::span::{Span, SpanKind};

/// Dead letters whose calls are spans.
pub struct TracedDeadLetters {
    messaging: Messaging,
    dead_letters: Arc<dyn DeadLetters>,
}

impl TracedDeadLetters {
    /// Decorates the dead letters of a queue.
    pub fn new(queue: &Messaging, dead_letters: Arc<dyn DeadLetters>) -> Self {
        Self { messaging: queue.dead_letters(), dead_letters }
    }

    /// Makes a call; `kind` is what the conventions call it.
    async fn call<T>(
        &self,
        operation: &'static str,
        kind: &'static str,
        call: impl Future<Output = PortResult<T>>,
    ) -> PortResult<T> {
        let describe = |span: &mut Span| self.messaging.describe_as(span, operation, kind);
        in_span(SpanKind::Client, || self.messaging.name(operation).into(), describe, call).await
    }
}

#[async_trait]
impl DeadLetters for TracedDeadLetters {
    async fn list(&self, limit: usize) -> PortResult<DeadLetterList> {
        self.call("list", "receive", self.dead_letters.list(limit)).await
    }

    async fn find(&self, id: DeadLetterId) -> PortResult<DeadLetterList> {
        self.call("find", "receive", self.dead_letters.find(id)).await
    }

    async fn replay(&self, selection: DeadLetterSelection) -> PortResult<DeadLettersTaken> {
        self.call("replay", "settle", self.dead_letters.replay(selection)).await
    }

    async fn discard(&self, ids: Vec<DeadLetterId>, keep: Keep) -> PortResult<DeadLettersTaken> {
        self.call("discard", "settle", self.dead_letters.discard(ids, keep)).await
    }
}
