use std::sync::Arc;

use async_trait::async_trait;
use keeper_domain::Order;
use keeper_ports::PortResult;
use keeper_ports::billing::OrderQueue;

use super::call::in_span;
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

    /// The name of a span: what is done, and with which queue.
    pub(super) fn name(&self, operation: &str) -> String {
        format!("{operation} {}", self.queue)
    }

    pub(super) fn describe(&self, span: &mut Span, operation: &'static str) {
        span.set("messaging.system", self.system);
        span.set("messaging.destination.name", self.queue.clone());
        span.set("messaging.operation.name", operation);
        span.set("messaging.operation.type", operation);
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
