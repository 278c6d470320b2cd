//! Orders without an identity in a queue that is full: the copies with one find no room, so the orders are handled as they
//! are.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use keeper_domain::OrderId;
use keeper_tests::contract::order_queue::Desk;
use tokio::sync::Semaphore;

use super::unsettled::{end, fill, start};
use super::*;

/// A virtual host whose order queue is full of messages of the original publisher, and how many those are.
async fn full() -> (Vhost, Broker, u64) {
    let (node, vhost) = (RabbitMq::shared(), RabbitMq::shared().vhost());
    let broker = broker(&Settings { prefetch: 1, ..settings(&vhost) });
    let (_queue, _kept) = connected(&broker).await;
    node.ctl(&["set_policy", "-p", &vhost.name, "limit", "^billing_queue$", r#"{"max-length": 3}"#]);
    let (_connection, channel) = client(&vhost).await;
    let messages = fill(&channel, "billing_queue", FOREIGN).await;
    (vhost, broker, messages as u64)
}

/// Records each order, but its first answer is lost; while it is away, none.
struct Unheard {
    away: AtomicBool,
    recorded: Mutex<BTreeSet<OrderId>>,
    answered: Mutex<BTreeSet<OrderId>>,
    attempted: Semaphore,
}

impl Unheard {
    fn new() -> Arc<Self> {
        let (away, attempted) = (AtomicBool::new(false), Semaphore::new(0));
        Arc::new(Self { away, recorded: Mutex::default(), answered: Mutex::default(), attempted })
    }

    async fn until_attempted(&self) {
        let attempted = tokio::time::timeout(PATIENCE, self.attempted.acquire()).await;
        attempted.expect("it is tried").unwrap().forget();
    }

    async fn until_answered(&self, orders: u64) {
        eventually("all are recorded", PATIENCE, async || {
            (self.answered.lock().unwrap().len() as u64 >= orders).then_some(())
        })
        .await;
    }

    fn recorded(&self) -> u64 {
        self.recorded.lock().unwrap().len() as u64
    }
}

#[async_trait]
impl OrderHandler for Unheard {
    async fn handle(&self, batch: Vec<Order>) -> PortResult<Vec<Recording>> {
        if self.away.load(Relaxed) {
            self.attempted.add_permits(1);
            return Err(PortError::unavailable("billing database", "away"));
        }
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let ids: BTreeSet<_> = batch.iter().map(|order| order.id).collect();
        let known = self.recorded.lock().unwrap().is_superset(&ids);
        self.recorded.lock().unwrap().extend(&ids);
        self.attempted.add_permits(1);
        if !known {
            return Err(PortError::timed_out("billing database", "recorded, but the answer was lost"));
        }
        self.answered.lock().unwrap().extend(ids);
        Ok(vec![Recording::AlreadyRecorded; batch.len()])
    }
}

/// All of them are recorded under one id each, and nothing is left when the consumer has ended.
async fn each_is_billed_once(
    vhost: &Vhost,
    ledger: &Unheard,
    messages: u64,
    (stop, running): (CancellationToken, JoinHandle<()>),
) {
    ledger.until_answered(messages).await;
    end(stop, running).await;
    until_depth(vhost, 0).await;
    assert_eq!(ledger.recorded(), messages);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_billed_once_though_an_answer_was_lost() {
    let (vhost, broker, messages) = full().await;
    let ledger = Unheard::new();
    let consumer = start(&broker, Arc::clone(&ledger) as _).await;
    each_is_billed_once(&vhost, &ledger, messages, consumer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_billed_once_though_a_stop_comes_between_attempts() {
    let (vhost, broker, messages) = full().await;
    let ledger = Unheard::new();
    let (stop, running) = start(&broker, Arc::clone(&ledger) as _).await;
    ledger.until_attempted().await;
    end(stop, running).await;
    // The others, and what was not settled.
    let consumer = start(&broker, Arc::clone(&ledger) as _).await;
    each_is_billed_once(&vhost, &ledger, messages, consumer).await;
}

/// What is in hand for long would be taken back by the broker, again and again, until it is dead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_are_given_back_while_the_ledger_is_away() {
    let (vhost, broker, messages) = full().await;
    let ledger = Unheard::new();
    ledger.away.store(true, Relaxed);
    let consumer = start(&broker, Arc::clone(&ledger) as _).await;
    ledger.until_attempted().await;
    until_depth(&vhost, messages).await;
    ledger.away.store(false, Relaxed);
    each_is_billed_once(&vhost, &ledger, messages, consumer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_the_ledger_refuses_is_buried() {
    let (vhost, broker, messages) = full().await;
    let desk = Desk::new(|_| Ok(Recording::Rejected("it is not for us".into())));
    let (stop, running) = start(&broker, desk as _).await;
    let dead_letters = RabbitDeadLetters::new(&broker);
    let buried = eventually("all are among the dead letters", PATIENCE, async || {
        let letters = dead_letters.list(100).await.unwrap().letters;
        (letters.len() as u64 >= messages).then_some(letters)
    })
    .await;
    end(stop, running).await;
    until_depth(&vhost, 0).await;
    assert_eq!(buried.len() as u64, messages);
    for letter in buried {
        assert_eq!((letter.reason, letter.detail.as_str()), (DeadLetterReason::Rejected, "it is not for us"));
        assert_eq!(letter.body, FOREIGN);
    }
}
