use std::sync::Arc;

use async_trait::async_trait;
use keeper_domain::Order;
use keeper_ports::PortResult;
use keeper_ports::billing::OrderQueue;

use super::call::in_span;
use crate::context::RequestContext;
use crate::span::{Span, SpanKind};

/// What carries messages, and the queue, as spans name them.
#[derive(Debug, Clone)]
pub struct Messaging {
    system: &'static str,
    queue: String,
}

impl Messaging {
    /// A queue of RabbitMQ.
    pub fn rabbitmq(queue: &str) -> Self {
        Self { system: "rabbitmq", queue: queue.to_owned() }
    }

    /// The queue of orders in a file of SQLite: a table, which has the same name in traces as RabbitMQ's queue.
    pub fn sqlite() -> Self {
        Self { system: "sqlite", queue: "billing_queue".to_owned() }
    }

    /// Where messages of this queue go that cannot be processed.
    #[must_use]
    pub fn dead_letters(&self) -> Self {
        Self { system: self.system, queue: format!("{}.dead", self.queue) }
    }

    /// The name of a span: what is done, and with which queue.
    pub(super) fn name(&self, operation: &str) -> String {
        format!("{operation} {}", self.queue)
    }

    pub(super) fn describe(&self, span: &mut Span, operation: &'static str) {
        self.describe_as(span, operation, operation);
    }

    /// Describes an operation that is ours by a name, and one of the conventions by its type.
    pub(super) fn describe_as(&self, span: &mut Span, operation: &'static str, kind: &'static str) {
        span.set("messaging.system", self.system);
        span.set("messaging.destination.name", self.queue.clone());
        span.set("messaging.operation.name", operation);
        span.set("messaging.operation.type", kind);
    }

    /// Begins the span of sending a message into this queue, with a link to the request that first sent it; none where no trace is
    /// recorded.
    pub fn sending(
        &self,
        parent: &RequestContext,
        message_id: Option<&str>,
        first: Option<&RequestContext>,
    ) -> Option<Span> {
        let (mut span, _) = Span::below(
            parent,
            SpanKind::Producer,
            self.name("send"),
            first.map_or(&[], std::slice::from_ref),
        )?;
        self.describe(&mut span, "send");
        if let Some(id) = message_id {
            span.set("messaging.message.id", id.to_owned());
        }
        Some(span)
    }
}

/// A queue of orders into which sending is a span: the message carries that span's context.
pub struct TracedQueue {
    messaging: Messaging,
    queue: Arc<dyn OrderQueue>,
}

impl TracedQueue {
    /// Decorates a queue.
    pub fn new(messaging: Messaging, queue: Arc<dyn OrderQueue>) -> Self {
        Self { messaging, queue }
    }
}

#[async_trait]
impl OrderQueue for TracedQueue {
    async fn enqueue(&self, order: Order) -> PortResult<()> {
        let id = order.id;
        let describe = |span: &mut Span| {
            self.messaging.describe(span, "send");
            span.set("messaging.message.id", id.to_string());
        };
        in_span(
            SpanKind::Producer,
            || self.messaging.name("send").into(),
            describe,
            self.queue.enqueue(order),
        )
        .await
    }
}
