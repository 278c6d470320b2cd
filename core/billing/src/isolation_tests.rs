use std::sync::Mutex;

use keeper_domain::{IdempotencyKey, ItemCount, Money, OrderDraft, OrderId, Timestamp, UserId};

use super::*;
use Recording::Recorded;

fn order(user: &str) -> Order {
    let user = UserId::new(user).unwrap();
    let id = OrderId::derive(&user, &IdempotencyKey::new("key", "k").unwrap());
    let total = Money::parse("total_amount", "1").unwrap();
    let draft = OrderDraft { user, items: ItemCount::new(1).unwrap(), total };
    Order { id, draft, created_at: Timestamp::from_millis(0).unwrap() }
}

/// Panics at the user `poison`, refuses `bad`, cannot handle `away`, answers nonsense to `odd`, and records the rest.
/// (Not a mock: a panic inside one breaks it.)
#[derive(Default)]
struct Fragile {
    /// How many orders each call had.
    calls: Mutex<Vec<usize>>,
}

#[async_trait]
impl OrderHandler for Fragile {
    async fn handle(&self, batch: Vec<Order>) -> PortResult<Vec<Recording>> {
        self.calls.lock().unwrap().push(batch.len());
        let has = |user: &str| batch.iter().any(|order| order.draft.user.as_str().starts_with(user));
        assert!(!has("poison"), "this test panics");
        if has("bad") {
            return Err(PortError::failed("billing database", "check constraint"));
        }
        if has("away") {
            return Err(PortError::unavailable("billing database", "gone"));
        }
        Ok(vec![Recorded; batch.len() + usize::from(has("odd"))])
    }
}

async fn handled<const N: usize>(users: [&str; N]) -> (PortResult<Vec<Recording>>, Vec<usize>) {
    let fragile = Arc::new(Fragile::default());
    let outcomes = Isolation::new(Arc::clone(&fragile) as _).handle(users.map(order).into()).await;
    let calls = std::mem::take(&mut *fragile.calls.lock().unwrap());
    (outcomes, calls)
}

fn rejected() -> Recording {
    Recording::Rejected("billing database failed: check constraint".into())
}

fn given_up() -> Recording {
    Recording::GivenUp("processing it panics".into())
}

#[tokio::test]
async fn a_good_batch_is_one_call() {
    let (outcomes, calls) = handled(["a", "b", "c"]).await;
    assert_eq!((outcomes.unwrap(), calls), (vec![Recorded; 3], vec![3]));
}

#[tokio::test]
async fn orders_that_are_refused_or_panic_do_not_take_the_others_with_them() {
    let (outcomes, _) = handled(["a", "poison", "b", "bad 1", "c", "bad 2", "d", "e", "poison too"]).await;
    let expected =
        [Recorded, given_up(), Recorded, rejected(), Recorded, rejected(), Recorded, Recorded, given_up()];
    assert_eq!(outcomes.unwrap(), expected);
}

#[tokio::test]
async fn an_order_that_panics_is_given_up_after_three_attempts_by_itself() {
    let (outcomes, calls) = handled(["poison"]).await;
    assert_eq!((outcomes.unwrap(), calls), (vec![given_up()], vec![1, 1, 1]));
}

#[tokio::test]
async fn an_order_that_is_refused_is_not_tried_again() {
    let (outcomes, calls) = handled(["bad"]).await;
    assert_eq!((outcomes.unwrap(), calls), (vec![rejected()], vec![1]));
}

#[tokio::test]
async fn one_bad_order_costs_the_others_a_logarithm() {
    let (outcomes, calls) = handled(["a", "b", "c", "d", "e", "f", "g", "bad"]).await;
    assert_eq!((outcomes.unwrap().len(), calls), (8, vec![8, 4, 4, 2, 2, 1, 1]));
}

#[tokio::test]
async fn what_is_away_settles_nothing_whatever_else_is_in_the_batch() {
    for users in [["away", "a", "b"], ["bad", "a", "away"], ["poison", "a", "away"]] {
        let (outcomes, _) = handled(users).await;
        assert!(outcomes.unwrap_err().is_transient());
    }
}

#[tokio::test]
async fn another_number_of_outcomes_settles_nothing() {
    for users in [["odd", "a"], ["odd", "poison"]] {
        let (outcomes, _) = handled(users).await;
        assert!(outcomes.unwrap_err().is_transient());
    }
}
