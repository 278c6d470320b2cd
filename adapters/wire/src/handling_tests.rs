use async_trait::async_trait;
use keeper_domain::{IdempotencyKey, ItemCount, Money, OrderDraft, OrderId, Timestamp, UserId};
use keeper_ports::PortResult;

use super::*;

fn order(user: &str) -> Order {
    let user = UserId::new(user).unwrap();
    let id = OrderId::derive(&user, &IdempotencyKey::new("k").unwrap());
    let total = Money::parse("total_amount", "1").unwrap();
    let draft = OrderDraft { user, items: ItemCount::new(1).unwrap(), total };
    Order { id, draft, created_at: Timestamp::from_millis(0).unwrap() }
}

/// Records everything, but panics at the user `poison` and fails at the user `away`.
struct Fragile;

#[async_trait]
impl OrderHandler for Fragile {
    async fn handle(&self, batch: Vec<Order>) -> PortResult<Vec<Recording>> {
        assert!(batch.iter().all(|order| order.draft.user.as_str() != "poison"), "the poison works");
        if batch.iter().any(|order| order.draft.user.as_str() == "away") {
            return Err(PortError::unavailable("billing database", "gone"));
        }
        Ok(vec![Recording::Recorded; batch.len()])
    }
}

#[tokio::test]
async fn an_order_that_panics_does_not_take_the_others_with_it() {
    let orders = ["a", "poison", "b"].map(order);
    let handled = Handling::new(Arc::new(Fragile)).attempt(&orders).await.unwrap();
    let recorded = Handled::Settled(Recording::Recorded);
    assert_eq!(handled, [recorded.clone(), Handled::Panicked, recorded]);
}

#[tokio::test]
async fn a_failure_asks_for_longer_and_longer_pauses() {
    let mut handling = Handling::new(Arc::new(Fragile));
    let mut pauses = Vec::new();
    for _ in 0..8 {
        pauses.push(handling.attempt(&[order("away")]).await.unwrap_err().as_millis());
    }
    assert_eq!(pauses, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
}

#[tokio::test]
async fn a_success_makes_the_pauses_short_again() {
    let mut handling = Handling::new(Arc::new(Fragile));
    for expected in [100, 200] {
        assert_eq!(handling.attempt(&[order("away")]).await.unwrap_err().as_millis(), expected);
    }
    handling.attempt(&[order("a")]).await.unwrap();
    handling.succeeded();
    assert_eq!(handling.attempt(&[order("away")]).await.unwrap_err().as_millis(), 100);
}
