//! What the consumer has in hand when something ends: it is to stop, its queue goes, the ledger is away.

use std::collections::BTreeSet;
use std::sync::Mutex;

use keeper_domain::OrderId;
use keeper_tests::contract::order_queue::Desk;
use tokio::sync::Semaphore;

use super::*;

/// Less than the consumer gives what was delivered before a stop.
const PROMPT: Duration = Duration::from_secs(4);

/// Records every order, but waits before its first answer until it is told to go on.
struct Gate {
    reached: Semaphore,
    open: Semaphore,
    handled: Mutex<BTreeSet<OrderId>>,
}

impl Gate {
    fn closed() -> Arc<Self> {
        let (reached, open) = (Semaphore::new(0), Semaphore::new(0));
        Arc::new(Self { reached, open, handled: Mutex::default() })
    }

    async fn until_reached(&self) {
        let reached = tokio::time::timeout(PATIENCE, self.reached.acquire()).await;
        reached.expect("an order is handled").unwrap().forget();
    }

    fn open(&self) {
        self.open.add_permits(1_000);
    }

    fn has_handled(&self, order: &Order) -> bool {
        self.handled.lock().unwrap().contains(&order.id)
    }
}

#[async_trait]
impl OrderHandler for Gate {
    async fn handle(&self, batch: Vec<Order>) -> PortResult<Vec<Recording>> {
        self.reached.add_permits(1);
        self.open.acquire().await.unwrap().forget();
        self.handled.lock().unwrap().extend(batch.iter().map(|order| order.id));
        Ok(vec![Recording::Recorded; batch.len()])
    }
}

/// Consumes, connected, until the token is cancelled.
async fn start(broker: &Broker, handler: Arc<dyn OrderHandler>) -> (CancellationToken, JoinHandle<()>) {
    let (probe, stop, running) = consuming(broker, handler);
    until_up(&probe).await;
    (stop, running)
}

/// Publishes a message to a queue until it takes no more; says how many it took.
async fn fill(channel: &Channel, queue: &str, body: &[u8]) -> usize {
    for taken in 0.. {
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        let confirm = channel.basic_publish("".into(), queue.into(), options, body, properties).await;
        if !confirm.unwrap().await.unwrap().is_ack() {
            return taken;
        }
    }
    unreachable!("the queue has no limit")
}

async fn stopped(running: JoinHandle<()>) {
    tokio::time::timeout(PATIENCE, running).await.expect("the consumer stops").unwrap();
}

/// A consumer that is handling an order while ten more have been delivered to it.
async fn busy(
    vhost: &Vhost,
    gate: &Arc<Gate>,
) -> (Arc<RabbitQueue>, CancellationToken, JoinHandle<()>, DropGuard) {
    let broker = broker(&settings(vhost));
    let (queue, kept) = connected(&broker).await;
    let (stop, running) = start(&broker, Arc::clone(gate) as _).await;
    queue.enqueue(samples::order("20")).await.unwrap();
    gate.until_reached().await;
    for _ in 0..10 {
        queue.enqueue(samples::order("20")).await.unwrap();
    }
    eventually("they are delivered", PATIENCE, async || {
        (RabbitMq::shared().in_hand(vhost, "billing_queue") == Some(11)).then_some(())
    })
    .await;
    (queue, stop, running, kept)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_is_prompt_whatever_has_been_delivered() {
    let (vhost, gate) = (RabbitMq::shared().vhost(), Gate::closed());
    let (_queue, stop, running, _kept) = busy(&vhost, &gate).await;
    stop.cancel();
    gate.open();
    tokio::time::timeout(PROMPT, running).await.expect("it is prompt").unwrap();
    until_depth(&vhost, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_went_and_came_back_is_consumed_again_whatever_had_been_delivered() {
    let (vhost, gate) = (RabbitMq::shared().vhost(), Gate::closed());
    let (queue, stop, running, _kept) = busy(&vhost, &gate).await;
    RabbitMq::shared().ctl(&["delete_queue", "-p", &vhost.name, "billing_queue"]);
    let late = samples::order("20");
    eventually("the queue is declared again", PATIENCE, async || queue.enqueue(late.clone()).await.ok())
        .await;
    gate.open();
    eventually("it is consumed", PATIENCE, async || gate.has_handled(&late).then_some(())).await;
    stop.cancel();
    stopped(running).await;
}

/// A message of the original publisher is put back with an identity before it is handled: a stop in between must leave
/// either the original or the copy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_does_not_leave_a_message_and_its_copy() {
    let vhost = RabbitMq::shared().vhost();
    let broker = broker(&settings(&vhost));
    let (queue, _kept) = connected(&broker).await;
    let (_connection, channel) = client(&vhost).await;
    for _ in 0..100 {
        publish(&channel, BasicProperties::default(), FOREIGN).await;
    }
    // It has an identity, so it is handled, while the copies of the others are on their way.
    queue.enqueue(samples::order("20")).await.unwrap();
    let (attempted, mut attempts) = mpsc::unbounded_channel();
    let desk = Desk::new(move |_| {
        attempted.send(()).unwrap();
        Err(PortError::unavailable("billing database", "away"))
    });
    let (stop, running) = start(&broker, desk as _).await;
    tokio::time::timeout(PATIENCE, attempts.recv()).await.expect("it is handled").unwrap();
    stop.cancel();
    stopped(running).await;
    until_depth(&vhost, 101).await;
}

/// A virtual host whose order queue is full of messages of the original publisher, and how many those are. A copy of
/// theirs finds no room, so that they are handled as they are.
async fn full() -> (Vhost, Broker, u64) {
    let (node, vhost) = (RabbitMq::shared(), RabbitMq::shared().vhost());
    let broker = broker(&Settings { prefetch: 1, ..settings(&vhost) });
    let (_queue, _kept) = connected(&broker).await;
    node.ctl(&["set_policy", "-p", &vhost.name, "limit", "^billing_queue$", r#"{"max-length": 3}"#]);
    let (_connection, channel) = client(&vhost).await;
    let messages = fill(&channel, "billing_queue", FOREIGN).await;
    (vhost, broker, messages as u64)
}

/// Records each order, but its first answer is lost.
struct Unheard {
    recorded: Mutex<BTreeSet<OrderId>>,
    answered: Mutex<BTreeSet<OrderId>>,
    attempted: Semaphore,
}

impl Unheard {
    fn new() -> Arc<Self> {
        let attempted = Semaphore::new(0);
        Arc::new(Self { recorded: Mutex::default(), answered: Mutex::default(), attempted })
    }

    fn recorded(&self) -> u64 {
        self.recorded.lock().unwrap().len() as u64
    }

    fn answered(&self) -> u64 {
        self.answered.lock().unwrap().len() as u64
    }
}

#[async_trait]
impl OrderHandler for Unheard {
    async fn handle(&self, batch: Vec<Order>) -> PortResult<Vec<Recording>> {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_without_identity_in_a_full_queue_is_billed_once_though_an_answer_was_lost() {
    let (vhost, broker, messages) = full().await;
    let ledger = Unheard::new();
    let (stop, running) = start(&broker, Arc::clone(&ledger) as _).await;
    eventually("all are recorded", PATIENCE, async || (ledger.answered() >= messages).then_some(())).await;
    stop.cancel();
    stopped(running).await;
    until_depth(&vhost, 0).await;
    assert_eq!(ledger.recorded(), messages);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_without_identity_in_a_full_queue_is_billed_once_though_a_stop_comes_between_attempts() {
    let (vhost, broker, messages) = full().await;
    let ledger = Unheard::new();
    let (stop, running) = start(&broker, Arc::clone(&ledger) as _).await;
    tokio::time::timeout(PATIENCE, ledger.attempted.acquire()).await.expect("it is tried").unwrap().forget();
    stop.cancel();
    stopped(running).await;
    until_depth(&vhost, messages - ledger.recorded()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_without_identity_in_a_full_queue_that_the_ledger_refuses_is_buried() {
    let (vhost, broker, messages) = full().await;
    let desk = Desk::new(|_| Ok(Recording::Rejected("it is not for us".into())));
    let (stop, running) = start(&broker, desk as _).await;
    let dead_letters = RabbitDeadLetters::new(&broker);
    let buried = eventually("all are among the dead letters", PATIENCE, async || {
        let letters = dead_letters.list(100).await.unwrap();
        (letters.len() as u64 >= messages).then_some(letters)
    })
    .await;
    stop.cancel();
    stopped(running).await;
    until_depth(&vhost, 0).await;
    assert_eq!(buried.len() as u64, messages);
    for letter in buried {
        assert_eq!((letter.reason, letter.detail.as_str()), (DeadLetterReason::Rejected, "it is not for us"));
        assert_eq!(letter.body, FOREIGN);
    }
}

/// What neither records nor fails, as a database that hangs, must not keep the unit from ending in good order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_does_not_wait_for_a_ledger_that_hangs() {
    let (vhost, gate) = (RabbitMq::shared().vhost(), Gate::closed());
    let (_queue, stop, running, _kept) = busy(&vhost, &gate).await;
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(10), running).await.expect("it ends").unwrap();
    until_depth(&vhost, 11).await;
}

/// Messages that cannot be moved on, here because the dead letters are full, must not keep orders from being handled
/// when the ledger is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_that_finds_no_room_does_not_hold_up_orders_after_the_ledgers_return() {
    let (node, vhost) = (RabbitMq::shared(), RabbitMq::shared().vhost());
    let broker = broker(&settings(&vhost));
    let (queue, _kept) = connected(&broker).await;
    let limit = r#"{"max-length": 1, "overflow": "reject-publish"}"#;
    node.ctl(&["set_policy", "-p", &vhost.name, "limit", r"^billing_queue\.dead$", limit]);
    let (_connection, channel) = client(&vhost).await;
    fill(&channel, "billing_queue.dead", b"x").await;
    publish(&channel, BasicProperties::default(), b"broken").await;
    let order = samples::order("20");
    queue.enqueue(order.clone()).await.unwrap();
    // Longer than messages are kept in hand.
    let away_until = std::time::Instant::now() + Duration::from_secs(6);
    let desk = Desk::new(move |_| {
        if std::time::Instant::now() < away_until {
            return Err(PortError::unavailable("billing database", "away"));
        }
        Ok(Recording::Recorded)
    });
    let (stop, running) = start(&broker, Arc::clone(&desk) as _).await;
    contract::order_queue::until_handled(&desk, std::slice::from_ref(&order)).await;
    stop.cancel();
    stopped(running).await;
    until_depth(&vhost, 1).await;
}
