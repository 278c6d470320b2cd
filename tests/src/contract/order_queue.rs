//! The contract of [`OrderQueue`], its consuming side and its [`DeadLetters`].

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use keeper_billing::Isolation;
use keeper_domain::{
    DeadLetter, DeadLetterId, DeadLetterReason, DeadLetterSelection, Order, OrderId, Recording,
};
use keeper_ports::billing::{DeadLetters, Keep, OrderHandler, OrderQueue};
use keeper_ports::{PortError, PortResult};
use keeper_wire::OrderMessage;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

pub use super::looking_after_dead_letters::*;
use super::samples::order;
use super::trace::{assert_carries, traced};
use crate::harness::eventually;

/// The queue under test with its other side.
pub struct Subject {
    /// The side that takes orders.
    pub queue: Arc<dyn OrderQueue>,
    /// What could not be processed.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// Runs the consuming side until the token is cancelled.
    pub consume: Consume,
}

/// Runs a consuming side over a handler until the token is cancelled.
pub type Consume =
    Box<dyn Fn(Arc<dyn OrderHandler>, CancellationToken) -> BoxFuture<'static, ()> + Send + Sync>;

/// Makes a test of each case.
#[macro_export]
macro_rules! order_queue_contract {
    ($fixture:path) => {
        $crate::contract_tests!(
            order_queue,
            $fixture,
            [
                an_order_arrives_as_it_was_enqueued,
                orders_arrive_first_come_first_served,
                orders_that_are_enqueued_at_the_same_time_all_arrive,
                what_nobody_consumes_waits,
                a_batch_that_fails_is_handed_over_again,
                an_order_that_is_refused_does_not_hold_up_the_others,
                an_order_that_panics_does_not_hold_up_the_others,
                a_dead_letter_says_what_it_is,
                listing_the_dead_letters_leaves_them,
                a_list_says_how_many_dead_letters_there_are,
                a_dead_letter_is_found_by_its_id,
                calls_beside_each_other_look_at_everything_or_fail,
                a_replayed_dead_letter_is_handled_as_it_first_came,
                all_dead_letters_can_be_replayed,
                the_dead_letters_of_one_reason_can_be_replayed,
                a_discarded_dead_letter_is_gone,
                a_dead_letter_that_cannot_be_kept_stays,
            ]
        );
    };
}

const PATIENCE: Duration = Duration::from_secs(20);

type Verdict = Box<dyn Fn(&Order) -> PortResult<Recording> + Send + Sync>;

/// A handler that keeps what it was handed, and decides as it is told.
pub struct RecordingHandler {
    handled: Mutex<Vec<Order>>,
    verdict: Mutex<Verdict>,
}

impl RecordingHandler {
    /// Makes it.
    pub fn new(verdict: impl Fn(&Order) -> PortResult<Recording> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { handled: Mutex::default(), verdict: Mutex::new(Box::new(verdict)) })
    }

    /// One that records everything.
    pub fn recording() -> Arc<Self> {
        Self::new(|_| Ok(Recording::Recorded))
    }

    /// What it was handed and did not fail.
    pub fn orders(&self) -> Vec<Order> {
        self.handled.lock().unwrap().clone()
    }

    /// The ids of these.
    pub fn ids(&self) -> BTreeSet<OrderId> {
        self.orders().iter().map(|order| order.id).collect()
    }

    /// Decides differently from now on.
    pub fn decide(&self, verdict: impl Fn(&Order) -> PortResult<Recording> + Send + Sync + 'static) {
        *self.verdict.lock().unwrap() = Box::new(verdict);
    }
}

#[async_trait]
impl OrderHandler for RecordingHandler {
    async fn handle(&self, batch: Vec<Order>) -> PortResult<Vec<Recording>> {
        // A verdict may be a panic.
        let verdict = self.verdict.lock().unwrap_or_else(PoisonError::into_inner);
        let outcomes: PortResult<Vec<_>> = batch.iter().map(&*verdict).collect();
        let outcomes = outcomes?;
        self.handled.lock().unwrap().extend(batch);
        Ok(outcomes)
    }
}

/// A consumer that runs beside the test.
pub struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    /// Stops it, and waits until it has.
    pub async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("the consumer stops").unwrap();
    }
}

impl Subject {
    /// Starts the consuming side.
    pub fn start(&self, handler: &Arc<RecordingHandler>) -> Running {
        self.start_with(Arc::clone(handler) as _)
    }

    fn start_with(&self, handler: Arc<dyn OrderHandler>) -> Running {
        let stop = CancellationToken::new();
        let task = tokio::spawn((self.consume)(handler, stop.clone()));
        Running { stop, task }
    }

    pub(super) async fn enqueue(&self, orders: &[Order]) {
        for order in orders {
            self.queue.enqueue(order.clone()).await.unwrap();
        }
    }

    pub(super) async fn replay(&self, selection: DeadLetterSelection) -> u64 {
        let replayed = self.dead_letters.replay(selection).await.unwrap();
        assert!(replayed.coverage.is_whole(), "{replayed:?}");
        replayed.count
    }

    /// Discards them, and answers how many went and which were kept.
    pub(super) async fn discard(&self, ids: Vec<DeadLetterId>) -> (u64, Vec<DeadLetter>) {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let keeper = Arc::clone(&kept);
        let keep: Keep = Arc::new(move |letter| {
            keeper.lock().unwrap().push(letter.clone());
            Ok(())
        });
        let discarded = self.dead_letters.discard(ids, keep).await.unwrap();
        assert!(discarded.coverage.is_whole(), "{discarded:?}");
        (discarded.count, kept.lock().unwrap().clone())
    }

    /// Waits until there are so many dead letters.
    pub async fn dead(&self, count: usize) -> Vec<DeadLetter> {
        until("the dead letters are as expected", async || {
            let list = self.dead_letters.list(1000).await.unwrap();
            assert!(list.coverage.is_whole(), "{:?}", list.coverage);
            (list.letters.len() == count).then_some(list.letters)
        })
        .await
    }
}

/// Looks again and again until there is something to see.
pub async fn until<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    eventually(what, PATIENCE, look).await
}

/// Waits until the orders were handled.
pub async fn until_handled(desk: &RecordingHandler, orders: &[Order]) {
    let wanted: BTreeSet<_> = orders.iter().map(|order| order.id).collect();
    until("every order is handled", async || wanted.is_subset(&desk.ids()).then_some(())).await;
}

pub async fn an_order_arrives_as_it_was_enqueued(subject: Subject) {
    let desk = RecordingHandler::recording();
    let running = subject.start(&desk);
    let order = order("user 🎬 '%_\\ \"");
    subject.enqueue(std::slice::from_ref(&order)).await;
    until_handled(&desk, std::slice::from_ref(&order)).await;
    running.stop().await;
    assert_eq!(desk.orders(), [order]);
}

pub async fn orders_arrive_first_come_first_served(subject: Subject) {
    let orders: Vec<_> = (0..50).map(|_| order("20")).collect();
    subject.enqueue(&orders).await;
    let desk = RecordingHandler::recording();
    let running = subject.start(&desk);
    until_handled(&desk, &orders).await;
    running.stop().await;
    assert_eq!(desk.orders(), orders);
}

pub async fn orders_that_are_enqueued_at_the_same_time_all_arrive(subject: Subject) {
    let desk = RecordingHandler::recording();
    let running = subject.start(&desk);
    let orders: Vec<_> = (0..1000).map(|_| order("20")).collect();
    let mut tasks = JoinSet::new();
    for order in orders.clone() {
        let queue = Arc::clone(&subject.queue);
        tasks.spawn(async move { queue.enqueue(order).await.unwrap() });
    }
    tasks.join_all().await;
    until_handled(&desk, &orders).await;
    running.stop().await;
    assert_eq!(desk.orders().len(), orders.len());
    assert!(subject.dead(0).await.is_empty());
}

pub async fn what_nobody_consumes_waits(subject: Subject) {
    let orders: Vec<_> = (0..5).map(|_| order("20")).collect();
    let first = RecordingHandler::new(|_| Err(PortError::unavailable("billing database", "away")));
    let running = subject.start(&first);
    subject.enqueue(&orders).await;
    running.stop().await;
    let desk = RecordingHandler::recording();
    let running = subject.start(&desk);
    until_handled(&desk, &orders).await;
    running.stop().await;
    assert_eq!(desk.orders(), orders);
}

pub async fn a_batch_that_fails_is_handed_over_again(subject: Subject) {
    let failures = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&failures);
    let desk = RecordingHandler::new(move |_| {
        *counted.lock().unwrap() += 1;
        Err(PortError::timed_out("billing database", "away"))
    });
    let running = subject.start(&desk);
    let orders: Vec<_> = (0..20).map(|_| order("20")).collect();
    subject.enqueue(&orders).await;
    until("it fails twice", async || (*failures.lock().unwrap() > 1).then_some(())).await;
    desk.decide(|_| Ok(Recording::Recorded));
    until_handled(&desk, &orders).await;
    running.stop().await;
    assert!(subject.dead(0).await.is_empty());
}

pub async fn an_order_that_is_refused_does_not_hold_up_the_others(subject: Subject) {
    let orders: Vec<_> = (0..9).map(|number| order(["good", "rejected", "contrary"][number % 3])).collect();
    let desk = RecordingHandler::new(by_user);
    subject.enqueue(&orders).await;
    let running = subject.start(&desk);
    until_handled(&desk, &orders).await;
    let dead = subject.dead(6).await;
    running.stop().await;
    let dead: BTreeSet<_> = dead.iter().map(|letter| letter.order_id.clone().unwrap()).collect();
    let refused = orders.iter().filter(|order| order.draft.user.as_str() != "good");
    assert_eq!(dead, refused.map(|order| order.id.to_string()).collect());
}

pub async fn an_order_that_panics_does_not_hold_up_the_others(subject: Subject) {
    let orders: Vec<_> = (0..9).map(|number| order(["good", "panics"][number % 2])).collect();
    let (panicking, good): (Vec<_>, Vec<_>) =
        orders.iter().cloned().partition(|order| order.draft.user.as_str() == "panics");
    let desk = RecordingHandler::new(|order| {
        assert!(order.draft.user.as_str() != "panics", "this test makes the handler panic");
        Ok(Recording::Recorded)
    });
    subject.enqueue(&orders).await;
    // As billing has its orders handled.
    let running = subject.start_with(Arc::new(Isolation::new(Arc::clone(&desk) as _)));
    let dead = subject.dead(panicking.len()).await;
    until_handled(&desk, &good).await;
    running.stop().await;
    assert!(dead.iter().all(|letter| letter.reason == DeadLetterReason::Undeliverable), "{dead:?}");
    let dead: BTreeSet<_> = dead.iter().map(|letter| letter.order_id.clone().unwrap()).collect();
    assert_eq!(dead, panicking.iter().map(|order| order.id.to_string()).collect());
}

/// What becomes of an order depends on its user.
#[expect(clippy::unnecessary_wraps, reason = "a verdict may be that nothing is known")]
pub(super) fn by_user(order: &Order) -> PortResult<Recording> {
    Ok(match order.draft.user.as_str() {
        "rejected" => Recording::Rejected("the ledger says no".into()),
        "contrary" => Recording::Conflict,
        _ => Recording::Recorded,
    })
}

pub async fn a_dead_letter_says_what_it_is(subject: Subject) {
    let desk = RecordingHandler::new(by_user);
    let running = subject.start(&desk);
    let (rejected, contrary) = (order("rejected"), order("contrary"));
    traced().scope(subject.enqueue(std::slice::from_ref(&rejected))).await;
    subject.enqueue(std::slice::from_ref(&contrary)).await;
    let dead = subject.dead(2).await;
    running.stop().await;
    let of = |order: &Order| {
        let id = Some(order.id.to_string());
        dead.iter().find(|letter| letter.order_id == id).unwrap()
    };
    let letter = of(&rejected);
    assert_eq!(letter.reason, DeadLetterReason::Rejected);
    assert!(letter.detail.contains("the ledger says no"), "{letter:?}");
    assert_eq!(letter.body, OrderMessage::encode(&rejected));
    assert_carries(letter, &traced());
    let age = chrono::Utc::now() - letter.first_seen.as_datetime();
    assert!(age.num_seconds().abs() < 60, "{letter:?}");
    assert_eq!(of(&contrary).reason, DeadLetterReason::Conflict);
}

pub async fn listing_the_dead_letters_leaves_them(subject: Subject) {
    let running = subject.start(&RecordingHandler::new(by_user));
    let orders: Vec<_> = (0..5).map(|_| order("rejected")).collect();
    subject.enqueue(&orders).await;
    let dead = subject.dead(5).await;
    running.stop().await;
    assert_eq!(subject.dead(5).await, dead);
    assert_eq!(subject.dead_letters.list(2).await.unwrap().letters, dead[..2]);
    let ids: Vec<_> = dead.into_iter().map(|letter| letter.order_id.unwrap()).collect();
    assert_eq!(ids, orders.iter().map(|order| order.id.to_string()).collect::<Vec<_>>(), "oldest first");
}

pub async fn a_replayed_dead_letter_is_handled_as_it_first_came(subject: Subject) {
    let desk = RecordingHandler::new(by_user);
    let running = subject.start(&desk);
    let orders = [order("rejected"), order("contrary")];
    traced().scope(subject.enqueue(&orders)).await;
    let dead = subject.dead(2).await;
    // It is refused again: what is known of it stays as it was.
    assert_eq!(subject.replay(DeadLetterSelection::Ids(vec![dead[0].id])).await, 1);
    until("it is refused again", async || (desk.orders().len() == 3).then_some(())).await;
    let again = subject.dead(2).await;
    let replayed = again.iter().find(|letter| letter.id == dead[0].id).unwrap();
    assert_eq!((replayed.first_seen, &replayed.body), (dead[0].first_seen, &dead[0].body));
    assert_carries(replayed, &traced());
    // And now it is not.
    desk.decide(|_| Ok(Recording::Recorded));
    assert_eq!(subject.replay(DeadLetterSelection::Ids(vec![dead[0].id])).await, 1);
    subject.dead(1).await;
    until("it is handled", async || (desk.orders().len() == 4).then_some(())).await;
    running.stop().await;
    assert_eq!(desk.orders().last(), Some(&orders[0]));
    assert_eq!(subject.replay(DeadLetterSelection::Ids(vec![dead[0].id])).await, 0);
}

pub async fn all_dead_letters_can_be_replayed(subject: Subject) {
    let running = subject.start(&RecordingHandler::new(by_user));
    let orders: Vec<_> = (0..20).map(|_| order("contrary")).collect();
    subject.enqueue(&orders).await;
    subject.dead(20).await;
    running.stop().await;
    assert_eq!(subject.replay(DeadLetterSelection::All).await, 20);
    assert!(subject.dead(0).await.is_empty());
    let desk = RecordingHandler::recording();
    let running = subject.start(&desk);
    until_handled(&desk, &orders).await;
    running.stop().await;
    assert_eq!(subject.replay(DeadLetterSelection::All).await, 0);
}

pub async fn the_dead_letters_of_one_reason_can_be_replayed(subject: Subject) {
    let desk = RecordingHandler::new(by_user);
    let running = subject.start(&desk);
    let orders = [order("rejected"), order("contrary"), order("rejected")];
    subject.enqueue(&orders).await;
    subject.dead(3).await;
    desk.decide(|_| Ok(Recording::Recorded));
    let selection = DeadLetterSelection::Reason(DeadLetterReason::Rejected);
    assert_eq!(subject.replay(selection.clone()).await, 2);
    let left = subject.dead(1).await;
    assert_eq!(left[0].order_id, Some(orders[1].id.to_string()));
    until("they are handled", async || (desk.orders().len() == 5).then_some(())).await;
    running.stop().await;
    assert_eq!(subject.replay(selection).await, 0);
}

pub async fn a_discarded_dead_letter_is_gone(subject: Subject) {
    let desk = RecordingHandler::new(by_user);
    let running = subject.start(&desk);
    subject.enqueue(&[order("rejected"), order("contrary"), order("rejected")]).await;
    let dead = subject.dead(3).await;
    let ids = vec![dead[0].id, dead[2].id];
    let (count, mut kept) = subject.discard(ids.clone()).await;
    kept.sort_by_key(|letter| letter.first_seen != dead[0].first_seen || letter.id != dead[0].id);
    assert_eq!((count, &kept[..]), (2, &[dead[0].clone(), dead[2].clone()][..]));
    assert_eq!(subject.dead(1).await, [dead[1].clone()]);
    assert_eq!(subject.discard(ids).await, (0, Vec::new()));
    running.stop().await;
    assert_eq!(desk.orders().len(), 3);
}
