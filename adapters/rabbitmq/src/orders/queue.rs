use std::sync::Arc;

use async_trait::async_trait;
use keeper_domain::Order;
use keeper_ports::billing::OrderQueue;
use keeper_ports::{PortError, PortResult};
use keeper_telemetry::context::RequestContext;

use super::message;
use crate::connection::{Broker, BrokerProbe};
use crate::publisher::{Publisher, PublisherTask};

/// Publishes orders: an order is in the queue when the broker has confirmed it.
pub struct RabbitQueue {
    publisher: Publisher,
    unit: String,
    queue: String,
}

impl RabbitQueue {
    /// Makes the queue and the task that keeps its connection and publishes: run it beside.
    pub fn new(broker: &Broker) -> (Arc<Self>, PublisherTask) {
        let (publisher, task) = Publisher::new(broker);
        let queue = broker.topology().queue.clone();
        (Arc::new(Self { publisher, unit: broker.unit().to_owned(), queue }), task)
    }

    /// Publishes orders over a publisher that is there.
    #[cfg(test)]
    pub(crate) fn over(publisher: Publisher, unit: &str, queue: &str) -> Self {
        Self { publisher, unit: unit.to_owned(), queue: queue.to_owned() }
    }

    /// Says whether orders can be published.
    pub fn probe(&self) -> Arc<BrokerProbe> {
        self.publisher.probe()
    }
}

#[async_trait]
impl OrderQueue for RabbitQueue {
    async fn enqueue(&self, order: Order) -> PortResult<()> {
        let context = RequestContext::current();
        let message = message::outgoing(&order, context.as_ref(), &self.unit, &self.queue);
        self.publisher.publish(message).await.map_err(|error| PortError::unavailable("order queue", error))
    }
}
