//! What the consumer has in hand when something ends: it is to stop, its queue goes, the ledger is away.

use std::collections::BTreeSet;
use std::sync::Mutex;

use keeper_domain::OrderId;
use keeper_tests::contract::order_queue::RecordingHandler;
use keeper_tests::faults::Proxy;
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
pub(super) async fn start(
    broker: &Broker,
    handler: Arc<dyn OrderHandler>,
) -> (CancellationToken, JoinHandle<()>) {
    let (probe, stop, running) = consuming(broker, handler);
    until_up(&probe).await;
    (stop, running)
}

/// Publishes a message to a queue until it takes no more; says how many it took.
pub(super) async fn fill(channel: &Channel, queue: &str, body: &[u8]) -> usize {
    for taken in 0.. {
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        let confirm = channel.basic_publish("".into(), queue.into(), options, body, properties).await;
        if !confirm.unwrap().await.unwrap().is_ack() {
            return taken;
        }
    }
    unreachable!("the queue has no limit")
}

/// Has a consumer stop, and waits for it.
pub(super) async fn end(stop: CancellationToken, running: JoinHandle<()>) {
    stop.cancel();
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
    end(stop, running).await;
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

/// Nor must a broker that says nothing more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_does_not_wait_for_a_broker_that_hangs() {
    let vhost = RabbitMq::shared().vhost();
    let proxy = Proxy::to(vhost.port).await;
    let broker = broker(&BrokerSettings { port: proxy.port(), ..settings(&vhost) });
    let (stop, running) = start(&broker, RecordingHandler::recording() as _).await;
    proxy.silence();
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(15), running).await.expect("it ends").unwrap();
}

/// Nor one that falls silent while the consumer's second connection is being made: `confirm.select` is its last step.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_does_not_wait_for_a_broker_that_hangs_while_it_is_connected_to() {
    const CONFIRM_SELECT: &[u8] = &[0, 85, 0, 10];
    let vhost = RabbitMq::shared().vhost();
    let proxy = Proxy::silent_at(vhost.port, CONFIRM_SELECT).await;
    let broker = broker(&BrokerSettings { port: proxy.port(), ..settings(&vhost) });
    let (_probe, stop, running) = consuming(&broker, RecordingHandler::recording() as _);
    tokio::time::timeout(PATIENCE, proxy.until_silent()).await.expect("it connects");
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(15), running).await.expect("it ends").unwrap();
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
    let desk = RecordingHandler::new(move |_| {
        if std::time::Instant::now() < away_until {
            return Err(PortError::unavailable("billing database", "away"));
        }
        Ok(Recording::Recorded)
    });
    let (stop, running) = start(&broker, Arc::clone(&desk) as _).await;
    contract::order_queue::until_handled(&desk, std::slice::from_ref(&order)).await;
    end(stop, running).await;
    until_depth(&vhost, 1).await;
}
