//! RabbitMQ under the contract suite, and what is particular to it: queues that are not as expected, messages that
//! cannot be routed, publishers of other systems, TLS.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "contract_rabbitmq/access.rs"]
mod access;
#[path = "contract_rabbitmq/dead_letters.rs"]
mod dead_letters;
#[path = "contract_rabbitmq/policies.rs"]
mod policies;
#[path = "contract_rabbitmq/queue_down.rs"]
mod queue_down;
#[path = "contract_rabbitmq/second_queue.rs"]
mod second_queue;
#[path = "contract_rabbitmq/unidentified.rs"]
mod unidentified;
#[path = "contract_rabbitmq/unsettled.rs"]
mod unsettled;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keeper_domain::{DeadLetterReason, DeadLetterSelection, Order, Recording};
use keeper_ports::billing::{DeadLetters, OrderHandler, OrderQueue};
use keeper_ports::{PortError, PortResult, Probe};
use keeper_rabbitmq::{
    Broker, BrokerMetrics, BrokerProbe, BrokerSettings, Consumer, ConsumerOptions, RabbitDeadLetters,
    RabbitQueue, UnidentifiedMessages, order_consumer,
};
use keeper_telemetry::metrics::ProcessingMetrics;
use keeper_tests::contract::{self, FreshIds, SystemClock, samples};
use keeper_tests::faults::publish;
use keeper_tests::harness::{RabbitMq, Vhost, eventually};
use lapin::options::{BasicConsumeOptions, BasicNackOptions};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use prometheus::Registry;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

const PATIENCE: Duration = Duration::from_secs(20);
const FOREIGN: &[u8] = br#"{"user_id":"3","number_of_items":"5","total_amount":"180"}"#;

fn settings(vhost: &Vhost) -> BrokerSettings {
    BrokerSettings {
        host: vhost.host.clone(),
        port: vhost.port,
        vhost: vhost.name.clone(),
        user: vhost.user.clone(),
        password: vhost.password.clone().into(),
        password_file: String::new(),
        tls: false,
        tls_ca: String::new(),
        queue: "billing_queue".into(),
        publish_timeout_ms: 5_000,
        heartbeat_s: 10,
        declare: true,
        management_url: String::new(),
    }
}

fn broker(settings: &BrokerSettings) -> Broker {
    Broker::new(settings, "test", &broker_metrics()).unwrap()
}

fn broker_metrics() -> BrokerMetrics {
    BrokerMetrics::register(&Registry::new()).unwrap()
}

/// The consumer of the queue of orders, as billing has it unless it is set otherwise.
fn orders_of(broker: &Broker, handler: Arc<dyn OrderHandler>) -> Consumer {
    let options = ConsumerOptions { prefetch: 500, unidentified: UnidentifiedMessages::DeadLetter };
    orders_with(broker, handler, options)
}

fn orders_with(broker: &Broker, handler: Arc<dyn OrderHandler>, options: ConsumerOptions) -> Consumer {
    let (metrics, _) = processing_metrics();
    order_consumer(broker, options, handler, Arc::new(FreshIds), Arc::new(SystemClock), metrics)
}

fn processing_metrics() -> (ProcessingMetrics, Registry) {
    let registry = Registry::new();
    (ProcessingMetrics::register(&registry).unwrap(), registry)
}

/// A queue whose publisher runs until the guard is dropped.
fn publisher(broker: &Broker) -> (Arc<RabbitQueue>, Arc<BrokerProbe>, DropGuard) {
    let (queue, task) = RabbitQueue::new(broker);
    let probe = queue.probe();
    let stop = CancellationToken::new();
    tokio::spawn(task.run(stop.clone()));
    (queue, probe, stop.drop_guard())
}

/// The same, connected.
async fn connected(broker: &Broker) -> (Arc<RabbitQueue>, DropGuard) {
    let (queue, probe, kept) = publisher(broker);
    until_up(&probe).await;
    (queue, kept)
}

async fn until_up(probe: &BrokerProbe) {
    eventually("the broker is connected", PATIENCE, async || probe.check().await.ok()).await;
}

async fn queue() -> (contract::order_queue::Subject, DropGuard) {
    let broker = broker(&settings(&RabbitMq::shared().vhost()));
    let (queue, kept) = connected(&broker).await;
    let dead_letters = Arc::new(RabbitDeadLetters::new(&broker));
    let consume = Box::new(move |handler, stop| Box::pin(orders_of(&broker, handler).run(stop)) as _);
    (contract::order_queue::Subject { queue, dead_letters, consume }, kept)
}

keeper_tests::order_queue_contract!(super::queue);

/// A client that is not ours.
async fn client(vhost: &Vhost) -> (Connection, Channel) {
    let connection = Connection::connect(&vhost.url(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    (connection, channel)
}

/// Records every order and hands it to the test.
struct Recorder(mpsc::UnboundedSender<Order>);

#[async_trait]
impl OrderHandler for Recorder {
    async fn handle(&self, batch: Vec<Order>) -> PortResult<Vec<Recording>> {
        let outcomes = vec![Recording::Recorded; batch.len()];
        for order in batch {
            self.0.send(order).unwrap();
        }
        Ok(outcomes)
    }
}

/// Consumes until the guard is dropped.
fn consumer(broker: &Broker) -> (mpsc::UnboundedReceiver<Order>, Arc<BrokerProbe>, DropGuard) {
    let (sender, orders) = mpsc::unbounded_channel();
    let (probe, stop, _) = consuming(broker, Arc::new(Recorder(sender)));
    (orders, probe, stop.drop_guard())
}

/// Consumes until the token is cancelled.
fn consuming(
    broker: &Broker,
    handler: Arc<dyn OrderHandler>,
) -> (Arc<BrokerProbe>, CancellationToken, JoinHandle<()>) {
    running(orders_of(broker, handler))
}

/// Runs a consumer until the token is cancelled.
fn running(consumer: Consumer) -> (Arc<BrokerProbe>, CancellationToken, JoinHandle<()>) {
    let (probe, stop) = (consumer.probe(), CancellationToken::new());
    let running = tokio::spawn(consumer.run(stop.clone()));
    (probe, stop, running)
}

async fn next(orders: &mut mpsc::UnboundedReceiver<Order>) -> Order {
    tokio::time::timeout(PATIENCE, orders.recv()).await.expect("an order comes").unwrap()
}

/// Its end without being told to is a failure of the unit, and servers drop the queue a moment before that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_publisher_outlives_its_queue_until_it_is_told_to_stop() {
    let broker = broker(&settings(&RabbitMq::shared().vhost()));
    let (queue, task) = RabbitQueue::new(&broker);
    let (probe, stop) = (queue.probe(), CancellationToken::new());
    let mut running = tokio::spawn(task.run(stop.clone()));
    until_up(&probe).await;
    drop(queue);
    assert!(tokio::time::timeout(Duration::from_millis(500), &mut running).await.is_err());
    stop.cancel();
    tokio::time::timeout(PATIENCE, running).await.expect("it stops").unwrap();
}

/// Waits until so many messages are in the queue, none of them delivered to anybody. The number is asked as a client, and
/// only then what is in hand: without `erl_call` each such question starts an Erlang machine.
async fn until_depth(vhost: &Vhost, depth: u64) {
    let (_connection, channel) = client(vhost).await;
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    eventually(&format!("{depth} messages are in the queue"), PATIENCE, async || {
        let queue = channel.queue_declare("billing_queue".into(), passive, FieldTable::default()).await;
        let ready = u64::from(queue.unwrap().message_count());
        (ready == depth && RabbitMq::shared().in_hand(vhost, "billing_queue") == Some(0)).then_some(())
    })
    .await;
}

fn cause(result: PortResult<()>) -> String {
    match result.unwrap_err() {
        error @ PortError::Unavailable { .. } => error.chain(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_classic_queue_is_met_with_a_clear_error_and_can_be_used_as_it_is() {
    let vhost = RabbitMq::shared().vhost();
    let (_connection, channel) = client(&vhost).await;
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare("billing_queue".into(), durable, FieldTable::default()).await.unwrap();
    publish(&channel, BasicProperties::default().with_message_id("order-7".into()), FOREIGN).await;

    let (queue, probe, _kept) = publisher(&broker(&settings(&vhost)));
    let complaint = eventually("it is refused", PATIENCE, async || {
        let error = probe.check().await.unwrap_err().chain();
        error.contains("broker.declare").then_some(error)
    })
    .await;
    assert!(complaint.contains("billing_queue") && complaint.contains("delete"), "{complaint}");
    assert!(cause(queue.enqueue(samples::order("20")).await).contains("broker.declare"));

    let as_it_is = broker(&BrokerSettings { declare: false, ..settings(&vhost) });
    let (queue, _kept) = connected(&as_it_is).await;
    let order = samples::order("20");
    queue.enqueue(order.clone()).await.unwrap();
    let (mut orders, _, _kept) = consumer(&as_it_is);
    let mut users = [next(&mut orders).await, next(&mut orders).await].map(|order| order.draft.user);
    users.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    assert_eq!(users.each_ref().map(keeper_domain::UserId::as_str), ["20", "3"]);
}

#[tokio::test]
async fn an_order_that_cannot_be_routed_is_not_accepted_and_the_next_one_is() {
    let node = RabbitMq::shared();
    let vhost = node.vhost();
    // Patient, as a machine with much to do takes its time to delete a queue.
    let patient = BrokerSettings { publish_timeout_ms: 20_000, ..settings(&vhost) };
    let (queue, _kept) = connected(&broker(&patient)).await;
    node.ctl(&["delete_queue", "-p", &vhost.name, "billing_queue"]);
    let cause = cause(queue.enqueue(samples::order("20")).await);
    assert!(cause.contains("NO_ROUTE"), "{cause}");
    eventually("the queue is declared again", PATIENCE, async || {
        queue.enqueue(samples::order("20")).await.ok()
    })
    .await;
    until_depth(&vhost, 1).await;
}

/// Many at once, some of which the broker takes and some of which it returns: whose confirm a return comes with must
/// not matter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_order_is_accepted_that_the_queue_does_not_have() {
    let node = RabbitMq::shared();
    let vhost = node.vhost();
    let (queue, _kept) = connected(&broker(&settings(&vhost))).await;
    node.ctl(&["set_policy", "-p", &vhost.name, "limit", "billing_queue", r#"{"max-length": 100}"#]);
    let results =
        futures_util::future::join_all((0..1_000).map(|_| queue.enqueue(samples::order("20")))).await;
    let accepted = results.iter().filter(|result| result.is_ok()).count();
    let refused = results.into_iter().filter(Result::is_err).map(cause).next().expect("some are refused");
    assert!(refused.contains("refused"), "{refused}");
    until_depth(&vhost, accepted as u64).await;
}

#[tokio::test]
async fn a_connection_that_the_broker_closes_is_made_anew() {
    let node = RabbitMq::shared();
    let vhost = node.vhost();
    let broker = broker(&settings(&vhost));
    let (queue, probe, _kept) = publisher(&broker);
    let (mut orders, consuming, _kept_too) = consumer(&broker);
    until_up(&probe).await;
    until_up(&consuming).await;
    for _ in 0..3 {
        node.ctl(&["close_all_connections", "-p", &vhost.name, "test"]);
        let start = std::time::Instant::now();
        let order = samples::order("20");
        eventually("an order is taken", PATIENCE, async || queue.enqueue(order.clone()).await.ok()).await;
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        eventually("it is consumed", PATIENCE, async || {
            (next(&mut orders).await.id == order.id).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn messages_of_other_publishers_are_orders() {
    let vhost = RabbitMq::shared().vhost();
    let broker = broker(&settings(&vhost));
    let (mut orders, probe, _kept) = consumer(&broker);
    until_up(&probe).await;
    let (_connection, channel) = client(&vhost).await;
    // With an identity of its own, a message that comes twice is one order.
    let named = || BasicProperties::default().with_message_id("order-7".into()).with_timestamp(1_700_000_000);
    publish(&channel, named(), FOREIGN).await;
    publish(&channel, named(), FOREIGN).await;
    let (one, other) = (next(&mut orders).await, next(&mut orders).await);
    assert_eq!((one.id, one.created_at.as_millis()), (other.id, 1_700_000_000_000));
    assert_eq!((one.draft.user.as_str(), one.draft.total.as_minor()), ("3", 18_000));
    assert_eq!(RabbitDeadLetters::new(&broker).list(10).await.unwrap().letters, []);
}

#[tokio::test]
async fn a_message_that_is_never_settled_goes_to_the_dead_letters_and_comes_back() {
    let vhost = RabbitMq::shared().vhost();
    let broker = broker(&settings(&vhost));
    let (queue, _kept) = connected(&broker).await;
    let order = samples::order("20");
    queue.enqueue(order.clone()).await.unwrap();
    let dead_letters = RabbitDeadLetters::new(&broker);
    // A consumer that dies of it, again and again. (RabbitMQ 4.3 no longer counts a nack.)
    let letters = eventually("it is dead", PATIENCE, async || {
        let (connection, channel) = client(&vhost).await;
        let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
        let mut consumer =
            channel.basic_consume("billing_queue".into(), "".into(), options, arguments).await.unwrap();
        let delivery = tokio::time::timeout(
            Duration::from_millis(500),
            std::future::poll_fn(|context| {
                futures_util::Stream::poll_next(std::pin::Pin::new(&mut consumer), context)
            }),
        )
        .await;
        if let Ok(Some(Ok(delivery))) = delivery {
            delivery.nack(BasicNackOptions { requeue: true, ..BasicNackOptions::default() }).await.unwrap();
        }
        let _ = connection.close(200, "OK".into()).await;
        Some(dead_letters.list(10).await.unwrap().letters).filter(|letters| !letters.is_empty())
    })
    .await;
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    assert_eq!(letter.reason, DeadLetterReason::Undeliverable);
    assert_eq!(letter.order_id, Some(order.id.to_string()));
    let age = chrono::Utc::now() - letter.first_seen.as_datetime();
    assert!(age.num_seconds().abs() < 60, "{letter:?}");
    assert_eq!(dead_letters.replay(DeadLetterSelection::All).await.unwrap().count, 1);
    let (mut orders, _, _kept) = consumer(&broker);
    assert_eq!(next(&mut orders).await, order);
}

/// Looking at the dead letters counts as a delivery in some versions of the broker: it must not lose them.
#[tokio::test]
async fn dead_letters_may_be_looked_at_for_ever() {
    let vhost = RabbitMq::shared().vhost();
    let broker = broker(&settings(&vhost));
    let (_orders, probe, _kept) = consumer(&broker);
    until_up(&probe).await;
    let (_connection, channel) = client(&vhost).await;
    for number in 0..10 {
        publish(&channel, BasicProperties::default(), format!("broken {number}").as_bytes()).await;
    }
    let dead_letters = RabbitDeadLetters::new(&broker);
    eventually("they are dead", PATIENCE, async || {
        (dead_letters.list(100).await.unwrap().letters.len() == 10).then_some(())
    })
    .await;
    for _ in 0..30 {
        assert_eq!(dead_letters.list(100).await.unwrap().letters.len(), 10);
    }
    assert!(
        dead_letters
            .list(3)
            .await
            .unwrap()
            .letters
            .iter()
            .all(|letter| letter.reason == DeadLetterReason::Unreadable)
    );
}
