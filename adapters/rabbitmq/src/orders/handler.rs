use std::sync::Arc;

use async_trait::async_trait;
use keeper_domain::{DeadLetterReason, Recording, Refusal};
use keeper_ports::billing::{OrderHandler, OrderIds};
use keeper_ports::{Clock, PortResult};
use keeper_telemetry::metrics::ProcessingMetrics;
use keeper_telemetry::traced::{Messaging, ProcessingSpans, kind_of};
use lapin::message::Delivery;

use super::message;
use crate::connection::{Broker, ConsumerOptions, UnidentifiedMessages};
use crate::consumer::{Consumer, MessageHandler, Outcome};
use crate::publisher::properties::request_context;

/// Makes the consumer of the queue of orders.
pub fn order_consumer(
    broker: &Broker,
    options: ConsumerOptions,
    handler: Arc<dyn OrderHandler>,
    ids: Arc<dyn OrderIds>,
    clock: Arc<dyn Clock>,
    metrics: ProcessingMetrics,
) -> Consumer {
    let ConsumerOptions { prefetch, unidentified } = options;
    let messaging = Messaging::rabbitmq(&broker.topology().queue);
    let messages =
        OrderMessages { messaging, handler, ids, clock: Arc::clone(&clock), metrics, unidentified };
    Consumer::new(broker, prefetch, Arc::new(messages), clock)
}

/// Reads the orders of messages, and has them handled.
pub(crate) struct OrderMessages {
    pub(crate) handler: Arc<dyn OrderHandler>,
    pub(crate) ids: Arc<dyn OrderIds>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: ProcessingMetrics,
    pub(crate) unidentified: UnidentifiedMessages,
    pub(crate) messaging: Messaging,
}

impl OrderMessages {
    /// What becomes of a message that is no order. One that only lacks an identity gets one here, before it leaves the
    /// queue: so a replay that is interrupted puts it back under the same.
    fn refused(&self, refusal: Refusal) -> Outcome {
        if refusal.reason != DeadLetterReason::Unidentified {
            return Outcome::DeadLetter(refusal);
        }
        let message_id = self.ids.next().to_string();
        match self.unidentified {
            UnidentifiedMessages::DeadLetter => Outcome::DeadLetterAs { message_id, refusal },
            UnidentifiedMessages::Assign => Outcome::PutBackAs { message_id, refusal },
        }
    }
}

#[async_trait]
impl MessageHandler for OrderMessages {
    async fn handle(&self, batch: &[Delivery]) -> PortResult<Vec<Outcome>> {
        let spans = ProcessingSpans::begin(&self.messaging, || batch.iter().map(message::trace).collect());
        let received = self.clock.now();
        let mut orders = Vec::with_capacity(batch.len());
        let refusals: Vec<Option<Refusal>> = batch
            .iter()
            .map(|delivery| match message::order(delivery, received) {
                Ok(order) => {
                    orders.push(order);
                    None
                }
                Err(refusal) => Some(refusal),
            })
            .collect();
        let recordings = if orders.is_empty() {
            Ok(Vec::new())
        } else {
            spans.run(self.handler.handle(orders.clone())).await
        };
        let recordings = match recordings {
            Ok(recordings) => recordings,
            Err(error) => {
                spans.failed(kind_of(&error));
                return Err(error);
            }
        };
        let now = self.clock.now();
        let of_orders = batch.iter().zip(&refusals).filter(|(_, refusal)| refusal.is_none());
        for ((delivery, _), (order, recording)) in of_orders.zip(orders.iter().zip(&recordings)) {
            self.metrics.settled(order, recording, now, || request_context(&delivery.properties));
        }
        let mut recordings = recordings.iter();
        let outcomes: Vec<_> = refusals
            .into_iter()
            .map(|refusal| match refusal {
                Some(refusal) => self.refused(refusal),
                None => recordings
                    .next()
                    .and_then(Recording::refusal)
                    .map_or(Outcome::Settled, Outcome::DeadLetter),
            })
            .collect();
        spans.end(outcomes.iter().map(|outcome| outcome.refusal().map(|refusal| refusal.reason.as_str())));
        Ok(outcomes)
    }

    fn dead_lettered(&self, reason: DeadLetterReason) {
        self.metrics.dead_lettered(reason);
    }

    fn measured(&self, ready: u64, dead: u64) {
        self.metrics.set_queue_depth(ready);
        self.metrics.set_dead_letters(dead);
    }
}

#[cfg(test)]
#[path = "handler_tests.rs"]
mod tests;
