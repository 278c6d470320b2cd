use std::sync::Arc;

use async_trait::async_trait;
use keeper_domain::{DeadLetterReason, Recording, Refusal};
use keeper_ports::billing::{OrderHandler, OrderIds};
use keeper_ports::{Clock, PortResult};
use keeper_telemetry::metrics::ProcessingMetrics;
use lapin::message::Delivery;

use super::message;
use crate::connection::{Broker, ConsumerOptions, UnidentifiedMessages};
use crate::consumer::{Consumer, MessageHandler, Outcome};

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
    let messages = OrderMessages { handler, ids, clock: Arc::clone(&clock), metrics, unidentified };
    Consumer::new(broker, prefetch, Arc::new(messages), clock)
}

/// Reads the orders of messages, and has them handled.
pub(crate) struct OrderMessages {
    pub(crate) handler: Arc<dyn OrderHandler>,
    pub(crate) ids: Arc<dyn OrderIds>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: ProcessingMetrics,
    pub(crate) unidentified: UnidentifiedMessages,
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
        let recordings =
            if orders.is_empty() { Vec::new() } else { self.handler.handle(orders.clone()).await? };
        let now = self.clock.now();
        for (order, recording) in orders.iter().zip(&recordings) {
            self.metrics.settled(order, recording, now);
        }
        let mut recordings = recordings.iter();
        let outcomes = refusals.into_iter().map(|refusal| match refusal {
            Some(refusal) => self.refused(refusal),
            None => {
                recordings.next().and_then(Recording::refusal).map_or(Outcome::Settled, Outcome::DeadLetter)
            }
        });
        Ok(outcomes.collect())
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
