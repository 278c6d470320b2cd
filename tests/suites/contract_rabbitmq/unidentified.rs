//! Messages that have neither an order id nor a message id, as the original publisher's: two equal ones are two orders.

use std::collections::BTreeSet;

use keeper_domain::{DeadLetter, OrderId};
use keeper_tests::contract::order_queue::RecordingHandler;

use super::unsettled::{end, fill, start};
use super::*;

const COUNT: usize = 100;

async fn publish_foreign(channel: &Channel, count: usize) {
    for _ in 0..count {
        publish(channel, BasicProperties::default().with_app_id("shop".into()), FOREIGN).await;
    }
}

async fn dead_letters(broker: &Broker, count: usize) -> Vec<DeadLetter> {
    let dead_letters = RabbitDeadLetters::new(broker);
    eventually("the dead letters are as expected", PATIENCE, async || {
        let list = dead_letters.list(1_000).await.ok()?;
        (list.coverage.is_whole() && list.letters.len() == count).then_some(list.letters)
    })
    .await
}

fn ids(letters: &[DeadLetter]) -> BTreeSet<String> {
    letters.iter().map(|letter| letter.order_id.clone().expect("it has an identity")).collect()
}

async fn until_recorded(desk: &RecordingHandler, count: usize) -> BTreeSet<OrderId> {
    eventually("they are recorded", PATIENCE, async || Some(desk.ids()).filter(|ids| ids.len() >= count))
        .await
}

/// They are kept whole, and what a replay puts back is recorded once, though it is put back twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn they_wait_among_the_dead_letters_until_they_are_replayed_once() {
    let vhost = RabbitMq::shared().vhost();
    let broker = broker(&settings(&vhost));
    let desk = RecordingHandler::recording();
    let (stop, running) = start(&broker, Arc::clone(&desk) as _).await;
    let (_connection, channel) = client(&vhost).await;
    publish_foreign(&channel, COUNT).await;
    publish(&channel, BasicProperties::default(), b"broken").await;
    let letters = dead_letters(&broker, COUNT + 1).await;
    let unidentified: Vec<_> =
        letters.into_iter().filter(|letter| letter.reason == DeadLetterReason::Unidentified).collect();
    assert_eq!(unidentified.len(), COUNT);
    assert!(unidentified.iter().all(|letter| letter.body == FOREIGN));
    assert_eq!(ids(&unidentified).len(), COUNT, "each has an identity of its own");
    assert!(desk.ids().is_empty(), "none is an order yet");

    let selection = DeadLetterSelection::Reason(DeadLetterReason::Unidentified);
    let replayed = RabbitDeadLetters::new(&broker).replay(selection).await.unwrap();
    assert_eq!(replayed.count, COUNT as u64);
    let recorded = until_recorded(&desk, COUNT).await;
    assert_eq!(recorded.iter().map(ToString::to_string).collect::<BTreeSet<_>>(), ids(&unidentified));
    // A replay that was interrupted puts some back again: with the identity that they have.
    for letter in &unidentified {
        let again = BasicProperties::default().with_message_id(letter.order_id.as_deref().unwrap().into());
        publish(&channel, again, FOREIGN).await;
    }
    until_depth(&vhost, 0).await;
    end(stop, running).await;
    assert_eq!(desk.ids().len(), COUNT);
    assert_eq!(dead_letters(&broker, 1).await[0].reason, DeadLetterReason::Unreadable);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_it_is_set_each_gets_an_identity_as_it_comes() {
    let vhost = RabbitMq::shared().vhost();
    let broker = broker(&settings(&vhost));
    let desk = RecordingHandler::recording();
    let options = ConsumerOptions { prefetch: 500, unidentified: UnidentifiedMessages::Assign };
    let consumer = orders_with(&broker, Arc::clone(&desk) as _, options);
    let (probe, stop, running) = running(consumer);
    until_up(&probe).await;
    let (_connection, channel) = client(&vhost).await;
    publish_foreign(&channel, COUNT).await;
    until_recorded(&desk, COUNT).await;
    until_depth(&vhost, 0).await;
    end(stop, running).await;
    assert_eq!(desk.ids().len(), COUNT);
    assert!(dead_letters(&broker, 0).await.is_empty());
}

/// A copy that finds no room must not wait for it: that would take the place of those that make room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_queue_is_full_they_go_to_the_dead_letters() {
    let (node, vhost) = (RabbitMq::shared(), RabbitMq::shared().vhost());
    let broker = broker(&settings(&vhost));
    let (_queue, kept) = connected(&broker).await;
    drop(kept);
    node.ctl(&["set_policy", "-p", &vhost.name, "limit", "^billing_queue$", r#"{"max-length": 3}"#]);
    let (_connection, channel) = client(&vhost).await;
    let messages = fill(&channel, "billing_queue", FOREIGN).await;
    let desk = RecordingHandler::recording();
    // The others stay in the queue, which is as full as before.
    let options = ConsumerOptions { prefetch: 1, unidentified: UnidentifiedMessages::Assign };
    let consumer = orders_with(&broker, Arc::clone(&desk) as _, options);
    let (_, stop, running) = running(consumer);
    let operator = RabbitDeadLetters::new(&broker);
    // The first finds no room. Each that leaves makes some, for one of the others.
    let letters = eventually("each is in one of two places", PATIENCE, async || {
        let letters = operator.list(1_000).await.ok()?.letters;
        (letters.len() + desk.ids().len() == messages).then_some(letters)
    })
    .await;
    assert!(!letters.is_empty());
    assert!(letters.iter().all(|letter| letter.reason == DeadLetterReason::Unidentified));
    until_depth(&vhost, 0).await;
    end(stop, running).await;
    assert_eq!(letters.len() + desk.ids().len(), messages);
}

/// A message is in the queue or in its other place, not in both: there it has another identity. The stop comes while hundreds
/// are on their way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_leaves_each_in_one_place() {
    const MANY: usize = 1_000;
    for unidentified in [UnidentifiedMessages::DeadLetter, UnidentifiedMessages::Assign] {
        let vhost = RabbitMq::shared().vhost();
        let broker = broker(&settings(&vhost));
        let (_queue, _kept) = connected(&broker).await;
        let (_connection, channel) = client(&vhost).await;
        publish_foreign(&channel, MANY).await;
        let (asked, mut questions) = mpsc::unbounded_channel();
        let desk = RecordingHandler::new(move |_| {
            asked.send(()).unwrap();
            Err(PortError::unavailable("billing database", "away"))
        });
        let (options, metrics) = (ConsumerOptions { prefetch: 500, unidentified }, processing_metrics());
        let consumer = order_consumer(
            &broker,
            options,
            Arc::clone(&desk) as _,
            Arc::new(FreshIds),
            Arc::new(SystemClock),
            metrics.0,
        );
        let (_, stop, running) = running(consumer);
        let moved = async || -> Option<()> {
            let text = prometheus::TextEncoder::new().encode_to_string(&metrics.1.gather()).unwrap();
            let none = text.contains(r#"orders_dead_lettered_total{reason="unidentified"} 0"#);
            (!none || questions.try_recv().is_ok()).then_some(())
        };
        eventually("the first is moved", PATIENCE, moved).await;
        end(stop, running).await;
        let dead = RabbitDeadLetters::new(&broker).list(2 * MANY).await.unwrap().letters.len();
        until_depth(&vhost, (MANY - dead) as u64).await;
    }
}
