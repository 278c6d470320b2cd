//! The contract of [`OrderLedger`], by itself and under the use case that records orders in it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use keeper_billing::Processor;
use keeper_domain::{ItemCount, Money, Order, OrderId, RecordedOrder, Recording, Timestamp};
use keeper_ports::Clock;
use keeper_ports::billing::{OrderHandler, OrderLedger};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::samples::{at, contradiction, order, page, user};

/// The ledger under test.
pub type Subject = Arc<dyn OrderLedger>;

/// Makes a test of each case.
#[macro_export]
macro_rules! order_ledger_contract {
    ($fixture:path) => {
        $crate::contract_tests!(
            order_ledger,
            $fixture,
            [
                what_is_new_is_inserted_and_named,
                of_an_id_that_is_twice_in_a_batch_the_first_is_inserted,
                what_is_there_stays_as_it_is,
                what_another_batch_inserted_meanwhile_is_found,
                orders_are_found_by_their_ids,
                an_order_comes_back_as_it_was_recorded,
                extreme_orders_fit,
                an_order_that_comes_again_is_recorded_once,
                other_content_under_a_known_id_is_a_conflict,
                a_batch_may_hold_an_order_twice,
                outcomes_are_in_the_order_of_the_batch,
                an_empty_batch_is_no_work,
                a_large_batch_is_recorded_whole,
                batches_at_the_same_time_record_each_order_once,
                contradictions_at_the_same_time_have_one_winner,
                of_contradictions_at_the_same_time_one_is_the_first,
                a_list_is_a_users_own_in_the_order_of_recording,
                a_list_after_an_unknown_order_is_empty,
                a_wait_ends_when_the_order_is_recorded,
                a_wait_for_what_is_there_is_none,
                a_wait_ends_when_the_time_is_up,
                hundreds_wait_and_hold_up_nobody,
            ]
        );
    };
}

use Recording::{AlreadyRecorded, Conflict, FurtherConflict, Recorded};

/// Always the same time.
struct Stopped(Timestamp);

#[async_trait]
impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        self.0
    }

    async fn sleep(&self, _: std::time::Duration) {}
}

/// Has orders recorded as billing does.
async fn record(ledger: &Subject, batch: Vec<Order>, now: Timestamp) -> Vec<Recording> {
    Processor::new(Arc::clone(ledger), Arc::new(Stopped(now))).handle(batch).await.unwrap()
}

fn ids(orders: &[Order]) -> HashSet<OrderId> {
    orders.iter().map(|order| order.id).collect()
}

pub async fn what_is_new_is_inserted_and_named(ledger: Subject) {
    let [one, two, three] = [order("20"), order("21"), order("20")];
    let inserted = ledger.insert(vec![one.clone(), two.clone()], at(1)).await.unwrap();
    assert_eq!(inserted, ids(&[one.clone(), two.clone()]));
    let inserted = ledger.insert(vec![two, three.clone(), one], at(2)).await.unwrap();
    assert_eq!(inserted, ids(&[three]));
    assert_eq!(ledger.insert(Vec::new(), at(3)).await.unwrap(), HashSet::new());
}

pub async fn of_an_id_that_is_twice_in_a_batch_the_first_is_inserted(ledger: Subject) {
    // In both orders, whatever a store sorts by.
    for swapped in [false, true] {
        let (mut first, mut second) = (order("20"), order("20"));
        second = contradiction(&Order { id: first.id, ..second });
        if swapped {
            std::mem::swap(&mut first, &mut second);
        }
        let batch = vec![order("21"), first.clone(), order("21"), second, first.clone()];
        assert_eq!(ledger.insert(batch.clone(), at(1)).await.unwrap(), ids(&batch));
        assert_eq!(ledger.find(first.id).await.unwrap().unwrap().order, first);
    }
}

pub async fn what_is_there_stays_as_it_is(ledger: Subject) {
    let first = order("20");
    ledger.insert(vec![first.clone()], at(1)).await.unwrap();
    for other in [first.clone(), contradiction(&first)] {
        assert_eq!(ledger.insert(vec![other], at(2)).await.unwrap(), HashSet::new());
        let expected = RecordedOrder { order: first.clone(), recorded_at: at(1) };
        assert_eq!(ledger.find_many(vec![first.id]).await.unwrap(), [expected]);
    }
}

/// What the rule for conflicts rests on: an order that is not inserted can be read.
pub async fn what_another_batch_inserted_meanwhile_is_found(ledger: Subject) {
    for _ in 0..20 {
        let orders: Vec<_> = (0..50).map(|_| order("20")).collect();
        let mut tasks = JoinSet::new();
        for task in 0..4 {
            let (ledger, mut batch) = (Arc::clone(&ledger), orders.clone());
            batch.rotate_left(task * 13);
            tasks.spawn(async move {
                let all = ids(&batch);
                let inserted = ledger.insert(batch, at(1)).await.unwrap();
                let others: Vec<_> = all.difference(&inserted).copied().collect();
                let found = ledger.find_many(others.clone()).await.unwrap();
                assert_eq!(found.len(), others.len(), "what was not inserted is there");
                inserted.len()
            });
        }
        assert_eq!(tasks.join_all().await.into_iter().sum::<usize>(), 50, "each is inserted by one of them");
    }
}

pub async fn orders_are_found_by_their_ids(ledger: Subject) {
    let orders: Vec<_> = (0..1200).map(|_| order("20")).collect();
    ledger.insert(orders.clone(), at(1)).await.unwrap();
    assert_eq!(ledger.find_many(Vec::new()).await.unwrap(), []);
    assert_eq!(ledger.find_many(vec![order("20").id]).await.unwrap(), []);
    let mut wanted: Vec<_> = orders[..1100].iter().map(|order| order.id).collect();
    wanted.push(order("20").id);
    let found = ledger.find_many(wanted).await.unwrap();
    let found: Vec<_> = found.into_iter().map(|recorded| recorded.order).collect();
    assert_eq!((found.len(), ids(&found)), (1100, ids(&orders[..1100])));
    assert!(found.iter().all(|order| orders.contains(order)));
}

pub async fn an_order_comes_back_as_it_was_recorded(ledger: Subject) {
    let order = order("user 🎬 '%_\\");
    assert_eq!(ledger.find(order.id).await.unwrap(), None);
    assert_eq!(record(&ledger, vec![order.clone()], at(99)).await, [Recorded]);
    let recorded = RecordedOrder { order: order.clone(), recorded_at: at(99) };
    assert_eq!(ledger.find(order.id).await.unwrap(), Some(recorded.clone()));
    let listed = ledger.list(order.draft.user, page(None, 10)).await.unwrap();
    assert_eq!((listed.items, listed.more), (vec![recorded], false));
}

pub async fn extreme_orders_fit(ledger: Subject) {
    for (id, items, minor) in [(Uuid::nil(), 1, 0), (Uuid::max(), ItemCount::MAX, Money::MAX_MINOR)] {
        let mut order = order(&"🎬".repeat(64));
        order.id = OrderId::new(id);
        order.draft.items = ItemCount::new(items).unwrap();
        order.draft.total = Money::from_minor("total_amount", minor).unwrap();
        assert_eq!(record(&ledger, vec![order.clone()], at(0)).await, [Recorded]);
        assert_eq!(ledger.find(order.id).await.unwrap().unwrap().order, order);
    }
}

pub async fn an_order_that_comes_again_is_recorded_once(ledger: Subject) {
    let first = order("20");
    let later = Order { created_at: at(5), ..first.clone() };
    assert_eq!(record(&ledger, vec![first.clone()], at(1)).await, [Recorded]);
    for again in [first.clone(), later] {
        assert_eq!(record(&ledger, vec![again], at(2)).await, [AlreadyRecorded]);
    }
    let expected = RecordedOrder { order: first.clone(), recorded_at: at(1) };
    assert_eq!(ledger.find(first.id).await.unwrap(), Some(expected));
    assert_eq!(ledger.list(user("20"), page(None, 10)).await.unwrap().items.len(), 1);
}

pub async fn other_content_under_a_known_id_is_a_conflict(ledger: Subject) {
    let first = order("20");
    record(&ledger, vec![first.clone()], at(1)).await;
    let (mut other_user, mut other_items) = (first.clone(), first.clone());
    other_user.draft.user = user("21");
    other_items.draft.items = ItemCount::new(2).unwrap();
    for (other, outcome) in [
        (other_user.clone(), Conflict),
        (other_items, FurtherConflict),
        (contradiction(&first), FurtherConflict),
        // Nobody knows whether it was kept when it came for the first time.
        (other_user, Conflict),
    ] {
        assert_eq!(record(&ledger, vec![other], at(2)).await, [outcome]);
        assert_eq!(ledger.find(first.id).await.unwrap().unwrap().order, first);
    }
    assert!(ledger.list(user("21"), page(None, 10)).await.unwrap().items.is_empty());
}

pub async fn a_batch_may_hold_an_order_twice(ledger: Subject) {
    let order = order("20");
    let other = contradiction(&order);
    let batch = vec![order.clone(), other.clone(), order.clone()];
    assert_eq!(record(&ledger, batch, at(1)).await, [Recorded, Conflict, AlreadyRecorded]);
    let batch = vec![other.clone(), order.clone(), other];
    assert_eq!(record(&ledger, batch, at(1)).await, [Conflict, AlreadyRecorded, FurtherConflict]);
    assert_eq!(ledger.find(order.id).await.unwrap().unwrap().order, order);
}

pub async fn outcomes_are_in_the_order_of_the_batch(ledger: Subject) {
    let known: Vec<_> = (0..6).map(|_| order("20")).collect();
    record(&ledger, known.clone(), at(1)).await;
    let mut batch = vec![
        (order("20"), Recorded),
        (known[3].clone(), AlreadyRecorded),
        (contradiction(&known[1]), Conflict),
        (order("21"), Recorded),
        (known[0].clone(), AlreadyRecorded),
        (contradiction(&known[5]), Conflict),
    ];
    for _ in 0..2 {
        let (orders, expected): (Vec<_>, Vec<_>) = batch.iter().cloned().unzip();
        assert_eq!(record(&ledger, orders, at(2)).await, expected);
        // The other way round, and what was new is known now.
        batch.reverse();
        for (_, outcome) in &mut batch {
            if *outcome == Recorded {
                *outcome = AlreadyRecorded;
            }
        }
    }
}

pub async fn an_empty_batch_is_no_work(ledger: Subject) {
    assert_eq!(record(&ledger, Vec::new(), at(1)).await, []);
}

pub async fn a_large_batch_is_recorded_whole(ledger: Subject) {
    let batch: Vec<_> = (0..1500).map(|_| order("20")).collect();
    assert_eq!(record(&ledger, batch.clone(), at(1)).await, vec![Recorded; 1500]);
    assert_eq!(record(&ledger, batch, at(2)).await, vec![AlreadyRecorded; 1500]);
}

pub async fn batches_at_the_same_time_record_each_order_once(ledger: Subject) {
    for _ in 0..5 {
        let orders: Vec<_> = (0..100).map(|_| order("20")).collect();
        let mut tasks = JoinSet::new();
        for task in 0..8 {
            let (ledger, mut batch) = (Arc::clone(&ledger), orders.clone());
            batch.rotate_left(task * 13);
            if task % 2 == 1 {
                batch.reverse();
            }
            tasks.spawn(async move {
                let ids: Vec<_> = batch.iter().map(|order| order.id).collect();
                ids.into_iter().zip(record(&ledger, batch, at(1)).await).collect::<Vec<_>>()
            });
        }
        let mut recorded: HashMap<OrderId, u32> = HashMap::new();
        for (id, outcome) in tasks.join_all().await.into_iter().flatten() {
            assert_ne!(outcome, Conflict);
            *recorded.entry(id).or_default() += u32::from(outcome == Recorded);
        }
        assert!(recorded.len() == 100 && recorded.values().all(|times| *times == 1), "{recorded:?}");
    }
}

pub async fn contradictions_at_the_same_time_have_one_winner(ledger: Subject) {
    for _ in 0..20 {
        let one = order("20");
        let two = contradiction(&one);
        let (first, second) = tokio::join!(
            record(&ledger, vec![one.clone()], at(1)),
            record(&ledger, vec![two.clone()], at(1))
        );
        let kept = ledger.find(one.id).await.unwrap().unwrap().order;
        let expected = if kept == one { (Recorded, Conflict) } else { (Conflict, Recorded) };
        assert!(kept == one || kept == two);
        assert_eq!((first[0].clone(), second[0].clone()), expected);
    }
}

/// However many come, by however many replicas, one is kept.
pub async fn of_contradictions_at_the_same_time_one_is_the_first(ledger: Subject) {
    let recorded: Vec<_> = (0..10).map(|_| order("20")).collect();
    record(&ledger, recorded.clone(), at(1)).await;
    let mut tasks = JoinSet::new();
    for number in 2..10 {
        let (ledger, recorded) = (Arc::clone(&ledger), recorded.clone());
        tasks.spawn(async move {
            let others = recorded.into_iter().map(|mut order| {
                order.draft.items = ItemCount::new(number).unwrap();
                order
            });
            let mut others: Vec<_> = others.collect();
            if number % 2 == 1 {
                others.reverse();
            }
            let outcomes = record(&ledger, others.clone(), at(2)).await;
            assert!(outcomes.iter().all(|outcome| matches!(outcome, Conflict | FurtherConflict)));
            let kept = others.into_iter().zip(outcomes).filter(|(_, outcome)| *outcome == Conflict);
            kept.map(|(order, _)| order.id).collect::<Vec<_>>()
        });
    }
    let mut kept = tasks.join_all().await.concat();
    kept.sort();
    let mut ids: Vec<_> = recorded.iter().map(|order| order.id).collect();
    ids.sort();
    assert_eq!(kept, ids);
}

pub async fn a_list_is_a_users_own_in_the_order_of_recording(ledger: Subject) {
    let mut expected = Vec::new();
    for number in 0..12 {
        // The younger order first: what counts is the recording, not the id or the time of acceptance.
        let (older, younger) = (order("20"), Order { created_at: at(number), ..order("20") });
        for order in [younger, order("21"), older] {
            record(&ledger, vec![order.clone()], at(number)).await;
            if order.draft.user == user("20") {
                expected.push(order.id);
            }
        }
    }
    for limit in [1, 5, 8, 24, 1000] {
        let (mut walked, mut after) = (Vec::new(), None);
        loop {
            let slice = ledger.list(user("20"), page(after, limit)).await.unwrap();
            assert!(slice.items.len() == usize::from(limit) || !slice.more);
            walked.extend(slice.items.iter().map(|recorded| recorded.order.id));
            after = walked.last().copied();
            if !slice.more {
                break;
            }
        }
        assert_eq!(walked, expected, "limit {limit}");
    }
    assert!(ledger.list(user("2"), page(None, 10)).await.unwrap().items.is_empty());
}

pub async fn a_list_after_an_unknown_order_is_empty(ledger: Subject) {
    let (own, other) = (order("20"), order("21"));
    record(&ledger, vec![other.clone(), own.clone(), order("20")], at(1)).await;
    for after in [order("20").id, other.id] {
        let slice = ledger.list(user("20"), page(Some(after), 10)).await.unwrap();
        assert!(slice.items.is_empty() && !slice.more);
    }
}

const LONG: Duration = Duration::from_secs(30);

pub async fn a_wait_ends_when_the_order_is_recorded(ledger: Subject) {
    let (one, two) = (order("20"), order("21"));
    let start = Instant::now();
    let recording = async {
        ledger.insert(vec![order("20")], at(1)).await.unwrap();
        // Most of the time this is when the others wait; at any other time they find it.
        tokio::time::sleep(Duration::from_millis(100)).await;
        ledger.insert(vec![two.clone(), one.clone()], at(2)).await.unwrap();
    };
    let wait = |id| ledger.wait_for(id, LONG);
    let (first, again, other, ()) = tokio::join!(wait(one.id), wait(one.id), wait(two.id), recording);
    let recorded = |order: &Order| Some(RecordedOrder { order: order.clone(), recorded_at: at(2) });
    assert_eq!((first.unwrap(), again.unwrap()), (recorded(&one), recorded(&one)));
    assert_eq!(other.unwrap(), recorded(&two));
    assert!(start.elapsed() < LONG / 2);
}

pub async fn a_wait_for_what_is_there_is_none(ledger: Subject) {
    let order = order("20");
    ledger.insert(vec![order.clone()], at(1)).await.unwrap();
    let start = Instant::now();
    assert_eq!(ledger.wait_for(order.id, LONG).await.unwrap().unwrap().order, order);
    assert!(start.elapsed() < LONG / 2);
}

pub async fn a_wait_ends_when_the_time_is_up(ledger: Subject) {
    let start = Instant::now();
    assert_eq!(ledger.wait_for(order("20").id, Duration::from_secs(1)).await.unwrap(), None);
    assert!((Duration::from_millis(900)..LONG / 2).contains(&start.elapsed()));
}

/// More than any store has connections.
pub async fn hundreds_wait_and_hold_up_nobody(ledger: Subject) {
    let awaited: Vec<_> = (0..20).map(|_| order("20")).collect();
    let mut waiting = JoinSet::new();
    for number in 0..400 {
        let (ledger, id) = (Arc::clone(&ledger), awaited[number % awaited.len()].id);
        waiting.spawn(async move { ledger.wait_for(id, LONG).await.unwrap().is_some() });
    }
    let start = Instant::now();
    for _ in 0..20 {
        let other = order("21");
        assert_eq!(record(&ledger, vec![other.clone()], at(1)).await, [Recorded]);
        assert!(ledger.find(other.id).await.unwrap().is_some());
    }
    record(&ledger, awaited, at(2)).await;
    assert!(waiting.join_all().await.into_iter().all(|found| found));
    assert!(start.elapsed() < LONG / 2);
}
