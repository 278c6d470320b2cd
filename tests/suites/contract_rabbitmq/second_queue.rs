//! Another queue beside that of the orders, with messages of another kind, in one process and one registry.

use std::sync::Mutex;

use keeper_domain::Refusal;
use keeper_rabbitmq::{MessageHandler, Outcome, Outgoing, Publisher};
use keeper_tests::contract::order_queue::RecordingHandler;
use lapin::message::Delivery;

use super::unsettled::end;
use super::*;

/// Keeps greetings, and refuses what is none.
#[derive(Default)]
struct Greetings(Mutex<Vec<String>>);

#[async_trait]
impl MessageHandler for Greetings {
    async fn handle(&self, batch: &[Delivery]) -> PortResult<Vec<Outcome>> {
        let outcome = |delivery: &Delivery| match str::from_utf8(&delivery.data) {
            Ok(text) if text.starts_with("hello") => {
                self.0.lock().unwrap().push(text.to_owned());
                Outcome::Settled
            }
            _ => Outcome::DeadLetter(Refusal::new(DeadLetterReason::Invalid, "it is no greeting")),
        };
        Ok(batch.iter().map(outcome).collect())
    }

    fn dead_lettered(&self, _reason: DeadLetterReason) {}

    fn measured(&self, _ready: u64, _dead: u64) {}
}

fn greeting(text: &str) -> Outgoing {
    Outgoing {
        exchange: String::new(),
        routing_key: "greetings".to_owned(),
        properties: BasicProperties::default().with_delivery_mode(2),
        body: text.as_bytes().to_vec(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_queues_of_one_process_do_not_mix() {
    let (vhost, registry) = (RabbitMq::shared().vhost(), Registry::new());
    let metrics = BrokerMetrics::register(&registry).unwrap();
    let orders = Broker::new(&settings(&vhost), "test", &metrics).unwrap();
    let greetings = orders.with_queue("greetings");

    let (desk, heard) = (RecordingHandler::recording(), Arc::new(Greetings::default()));
    let (order_probe, order_stop, consuming_orders) = running(orders_of(&orders, Arc::clone(&desk) as _));
    let consumer = Consumer::new(&greetings, 10, Arc::clone(&heard) as _, Arc::new(SystemClock));
    let (probe, stop, consuming) = running(consumer);
    let (publisher, publishing) = Publisher::new(&greetings);
    let stop_publishing = CancellationToken::new();
    let publishing = tokio::spawn(publishing.run(stop_publishing.clone()));
    let (queue, _kept) = connected(&orders).await;
    until_up(&order_probe).await;
    until_up(&probe).await;

    let order = samples::order("20");
    queue.enqueue(order.clone()).await.unwrap();
    for text in ["hello, you", "go away"] {
        eventually("it is published", PATIENCE, async || publisher.publish(greeting(text)).await.ok()).await;
    }
    eventually("the order is handled", PATIENCE, async || desk.ids().contains(&order.id).then_some(())).await;
    eventually("the greeting is heard", PATIENCE, async || {
        (*heard.0.lock().unwrap() == ["hello, you"]).then_some(())
    })
    .await;
    let dead = RabbitDeadLetters::new(&greetings);
    let letters = eventually("the other message is dead", PATIENCE, async || {
        Some(dead.list(10).await.ok()?.letters).filter(|letters| !letters.is_empty())
    })
    .await;
    assert_eq!((letters.len(), letters[0].body.as_slice()), (1, &b"go away"[..]));
    assert!(RabbitDeadLetters::new(&orders).list(10).await.unwrap().letters.is_empty());

    let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    for queue in ["billing_queue", "greetings"] {
        let series = format!(r#"broker_connected{{queue="{queue}",side="consumer"}} 1"#);
        assert!(text.contains(&series), "{text}");
    }
    end(order_stop, consuming_orders).await;
    end(stop, consuming).await;
    end(stop_publishing, publishing).await;
}
