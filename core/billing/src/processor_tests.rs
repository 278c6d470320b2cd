use std::collections::HashSet;

use keeper_domain::{
    IdempotencyKey, ItemCount, Money, OrderDraft, OrderId, RecordedOrder, Timestamp, UserId,
};
use keeper_ports::MockClock;
use keeper_ports::billing::MockOrderLedger;

use super::*;
use Recording::{AlreadyRecorded, Conflict, FurtherConflict, Recorded};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

/// An order whose id is its user's.
fn order(user: &str) -> Order {
    let user = UserId::new(user).unwrap();
    let id = OrderId::derive(&user, &IdempotencyKey::new("key", "k").unwrap());
    let total = Money::parse("total_amount", "1").unwrap();
    Order { id, draft: OrderDraft { user, items: ItemCount::new(1).unwrap(), total }, created_at: at(0) }
}

/// The same id with other content.
fn contradiction(user: &str) -> Order {
    let mut other = order(user);
    other.draft.items = ItemCount::new(2).unwrap();
    other
}

fn processor(ledger: MockOrderLedger) -> Processor {
    let mut clock = MockClock::new();
    clock.expect_now().returning(|| at(9));
    Processor::new(Arc::new(ledger), Arc::new(clock))
}

/// A ledger in which these orders are, and which takes others: what is inserted in one call is not kept for the next.
fn ledger_with(there: Vec<Order>) -> MockOrderLedger {
    let known: HashSet<OrderId> = there.iter().map(|order| order.id).collect();
    let mut ledger = MockOrderLedger::new();
    ledger.expect_insert().returning(move |batch, _| {
        Ok(batch.iter().map(|order| order.id).filter(|id| !known.contains(id)).collect())
    });
    ledger.expect_find_many().returning(move |ids| {
        let found = there.iter().filter(|order| ids.contains(&order.id));
        Ok(found.map(|order| RecordedOrder { order: order.clone(), recorded_at: at(1) }).collect())
    });
    ledger.expect_contradicted().returning(|orders, _| {
        let ids: HashSet<OrderId> = orders.iter().map(|order| order.id).collect();
        Ok(ids.into_iter().filter_map(|id| orders.iter().find(|order| order.id == id).cloned()).collect())
    });
    ledger
}

#[tokio::test]
async fn new_orders_are_one_call() {
    let mut ledger = MockOrderLedger::new();
    ledger
        .expect_insert()
        .withf(|batch, now| *batch == ["a", "b", "c"].map(order) && now.as_millis() == 9)
        .once()
        .returning(|batch, _| Ok(batch.iter().map(|order| order.id).collect()));
    let outcomes = processor(ledger).handle(["a", "b", "c"].map(order).into()).await.unwrap();
    assert_eq!(outcomes, [Recorded, Recorded, Recorded]);
}

#[tokio::test]
async fn an_order_that_is_known_is_the_same_or_a_conflict() {
    let ledger = ledger_with(vec![order("a"), order("b")]);
    let later = Order { created_at: at(5), ..order("a") };
    let batch = vec![order("new"), later, contradiction("b"), order("b"), contradiction("a")];
    let outcomes = processor(ledger).handle(batch).await.unwrap();
    assert_eq!(outcomes, [Recorded, AlreadyRecorded, Conflict, AlreadyRecorded, Conflict]);
}

#[tokio::test]
async fn of_an_id_that_comes_twice_in_a_batch_the_first_order_counts() {
    let batch = vec![order("a"), contradiction("a"), order("a")];
    let outcomes = processor(ledger_with(Vec::new())).handle(batch.clone()).await.unwrap();
    assert_eq!(outcomes, [Recorded, Conflict, AlreadyRecorded]);
    let outcomes = processor(ledger_with(vec![contradiction("a")])).handle(batch).await.unwrap();
    assert_eq!(outcomes, [Conflict, AlreadyRecorded, FurtherConflict]);
}

/// However often a key is used again, one order that contradicts is kept.
#[tokio::test]
async fn of_orders_that_contradict_one_only_the_first_is_kept() {
    let other = |items| {
        let mut other = order("a");
        other.draft.items = ItemCount::new(items).unwrap();
        other
    };
    let outcomes = processor(ledger_with(vec![order("a")]));
    let outcomes =
        outcomes.handle(vec![other(2), other(3), order("a"), other(2), contradiction("b")]).await.unwrap();
    assert_eq!(outcomes, [Conflict, FurtherConflict, AlreadyRecorded, FurtherConflict, Recorded]);

    let mut ledger = MockOrderLedger::new();
    ledger.expect_insert().returning(|_, _| Ok(HashSet::new()));
    ledger
        .expect_find_many()
        .returning(|_| Ok(vec![RecordedOrder { order: order("a"), recorded_at: at(1) }]));
    let first = other(7);
    ledger.expect_contradicted().returning(move |_, _| Ok(vec![first.clone()]));
    let outcomes = processor(ledger).handle(vec![other(2), other(7), other(7)]).await.unwrap();
    assert_eq!(outcomes, [FurtherConflict, Conflict, FurtherConflict]);
}

#[tokio::test]
async fn a_conflict_that_cannot_be_kept_settles_nothing() {
    let mut ledger = MockOrderLedger::new();
    ledger.expect_insert().returning(|_, _| Ok(HashSet::new()));
    ledger
        .expect_find_many()
        .returning(|_| Ok(vec![RecordedOrder { order: order("a"), recorded_at: at(1) }]));
    ledger.expect_contradicted().returning(|_, _| Err(PortError::unavailable("billing database", "gone")));
    assert!(processor(ledger).handle(vec![contradiction("a")]).await.unwrap_err().is_transient());
}

/// Another replica was faster: the ledger inserts nothing, and has what the other one inserted.
#[tokio::test]
async fn only_what_was_not_inserted_is_looked_up() {
    let mut ledger = MockOrderLedger::new();
    ledger.expect_insert().returning(|_, _| Ok(HashSet::from([order("a").id])));
    ledger
        .expect_find_many()
        .withf(|ids| *ids == [order("b").id])
        .once()
        .returning(|_| Ok(vec![RecordedOrder { order: order("b"), recorded_at: at(1) }]));
    let outcomes = processor(ledger).handle(vec![order("a"), order("b")]).await.unwrap();
    assert_eq!(outcomes, [Recorded, AlreadyRecorded]);
}

#[tokio::test]
async fn an_order_that_is_neither_inserted_nor_found_settles_nothing() {
    let mut ledger = MockOrderLedger::new();
    ledger.expect_insert().once().returning(|_, _| Ok(HashSet::new()));
    ledger.expect_find_many().once().returning(|_| Ok(Vec::new()));
    assert!(processor(ledger).handle(vec![order("a")]).await.unwrap_err().is_transient());
}

#[tokio::test]
async fn an_empty_batch_is_no_work() {
    assert_eq!(processor(MockOrderLedger::new()).handle(Vec::new()).await.unwrap(), []);
}

#[tokio::test]
async fn an_order_that_the_ledger_refuses_does_not_take_the_others_with_it() {
    let mut ledger = MockOrderLedger::new();
    ledger.expect_insert().returning(|batch, _| {
        if batch.iter().any(|order| order.draft.user.as_str().starts_with("bad")) {
            return Err(PortError::failed("billing database", "check constraint"));
        }
        Ok(batch.iter().map(|order| order.id).collect())
    });
    let batch = ["a", "b", "bad 1", "c", "bad 2", "d", "e"].map(order).into();
    let outcomes = processor(ledger).handle(batch).await.unwrap();
    let recorded: Vec<_> = outcomes.iter().map(|outcome| *outcome == Recorded).collect();
    assert_eq!(recorded, [true, true, false, true, false, true, true]);
    assert_eq!(outcomes[2], Recording::Rejected("billing database failed: check constraint".into()));
}

#[tokio::test]
async fn a_ledger_that_is_away_settles_nothing() {
    for transient in [PortError::unavailable, PortError::timed_out] {
        let mut ledger = MockOrderLedger::new();
        ledger
            .expect_insert()
            .once()
            .returning(move |_, _| Err(transient("billing database", "gone".to_owned())));
        assert!(processor(ledger).handle(vec![order("a"), order("b")]).await.unwrap_err().is_transient());
    }
}

#[tokio::test]
async fn a_ledger_that_cannot_be_read_settles_nothing() {
    let mut ledger = MockOrderLedger::new();
    ledger.expect_insert().once().returning(|_, _| Ok(HashSet::new()));
    ledger.expect_find_many().returning(|_| Err(PortError::unavailable("billing database", "gone")));
    assert!(processor(ledger).handle(vec![order("a"), order("b")]).await.unwrap_err().is_transient());
}
