use std::sync::Arc;

use async_trait::async_trait;
use keeper_domain::{IdempotencyKey, Order, OrderDraft, OrderId};
use keeper_ports::billing::{OrderIds, OrderIntake, OrderQueue};
use keeper_ports::{Clock, PortResult};

/// Gives an order its identity and hands it to the queue.
pub struct Intake {
    queue: Arc<dyn OrderQueue>,
    ids: Arc<dyn OrderIds>,
    clock: Arc<dyn Clock>,
}

impl Intake {
    /// Assembles the use case.
    pub fn new(queue: Arc<dyn OrderQueue>, ids: Arc<dyn OrderIds>, clock: Arc<dyn Clock>) -> Self {
        Self { queue, ids, clock }
    }
}

#[async_trait]
impl OrderIntake for Intake {
    async fn submit(&self, draft: OrderDraft, key: Option<IdempotencyKey>) -> PortResult<Order> {
        let id = key.map_or_else(|| self.ids.next(), |key| OrderId::derive(&draft.user, &key));
        let order = Order { id, draft, created_at: self.clock.now() };
        self.queue.enqueue(order.clone()).await?;
        Ok(order)
    }
}

#[cfg(test)]
mod tests {
    use keeper_domain::{ItemCount, Money, Timestamp, UserId};
    use keeper_ports::billing::{MockOrderIds, MockOrderQueue};
    use keeper_ports::{MockClock, PortError};

    use super::*;

    const ID: &str = "019a2f5e-7c1b-7d3a-9e4f-0123456789ab";

    fn draft() -> OrderDraft {
        OrderDraft {
            user: UserId::new("20").unwrap(),
            items: ItemCount::new(99).unwrap(),
            total: Money::parse("total_amount", "250").unwrap(),
        }
    }

    fn intake(queue: MockOrderQueue) -> Intake {
        let mut ids = MockOrderIds::new();
        ids.expect_next().returning(|| OrderId::parse("order_id", ID).unwrap());
        let mut clock = MockClock::new();
        clock.expect_now().returning(|| Timestamp::from_millis(7).unwrap());
        Intake::new(Arc::new(queue), Arc::new(ids), Arc::new(clock))
    }

    #[tokio::test]
    async fn an_order_gets_an_id_and_a_time_and_is_queued_as_it_is_answered() {
        let mut queue = MockOrderQueue::new();
        queue
            .expect_enqueue()
            .withf(|order| {
                order.id.to_string() == ID && order.draft == draft() && order.created_at.as_millis() == 7
            })
            .once()
            .returning(|_| Ok(()));
        let order = intake(queue).submit(draft(), None).await.unwrap();
        assert_eq!((order.id.to_string().as_str(), order.draft), (ID, draft()));
    }

    #[tokio::test]
    async fn a_key_decides_the_id_and_is_queued_each_time() {
        let mut queue = MockOrderQueue::new();
        queue.expect_enqueue().times(2).returning(|_| Ok(()));
        let intake = intake(queue);
        let key = || Some(IdempotencyKey::new("k").unwrap());
        let first = intake.submit(draft(), key()).await.unwrap();
        let again = intake.submit(draft(), key()).await.unwrap();
        assert_eq!(first.id, again.id);
        assert_ne!(first.id.to_string(), ID);
    }

    #[tokio::test]
    async fn an_order_that_the_queue_did_not_take_is_not_accepted() {
        let mut queue = MockOrderQueue::new();
        queue.expect_enqueue().returning(|_| Err(PortError::unavailable("broker", "nack")));
        assert!(matches!(intake(queue).submit(draft(), None).await, Err(PortError::Unavailable { .. })));
    }
}
