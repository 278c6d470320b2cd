//! Dead letters that cannot be looked at: another consumer has them, or there are more than can be held.

use keeper_domain::{Coverage, DeadLetterId, DeadLetterList};
use keeper_ports::billing::Keep;

use super::*;

const QUEUE: &str = "billing_queue.dead";

/// The dead letters of a virtual host, after somebody else put some there.
async fn with(vhost: &Vhost, count: usize) -> RabbitDeadLetters {
    let letters = RabbitDeadLetters::new(&broker(&settings(vhost)));
    assert_eq!(letters.list(1).await.unwrap().coverage, Coverage::whole(0));
    let (_connection, channel) = client(vhost).await;
    let mut confirms = Vec::with_capacity(count);
    for number in 0..count {
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        let body = number.to_string();
        confirms.push(
            channel
                .basic_publish("".into(), QUEUE.into(), options, body.as_bytes(), properties)
                .await
                .unwrap(),
        );
    }
    for confirm in confirms {
        assert!(confirm.await.unwrap().is_ack());
    }
    letters
}

fn id(number: usize) -> DeadLetterId {
    DeadLetterId::derive(None, number.to_string().as_bytes())
}

/// What is kept is not looked at.
fn keep() -> Keep {
    Arc::new(|_| Ok(()))
}

/// Somebody who holds all of them, until the connection is closed.
async fn holder(vhost: &Vhost, count: u64) -> (Connection, lapin::Channel, lapin::Consumer) {
    let (connection, channel) = client(vhost).await;
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    let consumer = channel.basic_consume(QUEUE.into(), "".into(), options, arguments).await.unwrap();
    eventually("all are held", PATIENCE, async || {
        (RabbitMq::shared().in_hand(vhost, QUEUE) == Some(count)).then_some(())
    })
    .await;
    (connection, channel, consumer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_consumer_holds_is_not_taken_for_absent() {
    let vhost = RabbitMq::shared().vhost();
    let letters = with(&vhost, 20).await;
    let (connection, _channel, _consumer) = holder(&vhost, 20).await;
    let refused = [
        letters.list(100).await.map(drop),
        letters.find(id(3)).await.map(drop),
        letters.replay(DeadLetterSelection::All).await.map(drop),
        letters.discard(vec![id(3)], keep()).await.map(drop),
    ];
    for refused in refused {
        let cause = cause(refused);
        assert!(cause.contains(QUEUE) && cause.contains("try again"), "{cause}");
    }
    // As it goes when a command is killed.
    let socket = tokio::spawn(async move { connection.close(200, "OK".into()).await });
    let DeadLetterList { letters: found, coverage } =
        eventually("it is their turn", PATIENCE, async || letters.list(100).await.ok()).await;
    assert_eq!((found.len(), coverage), (20, Coverage::whole(20)));
    socket.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_can_be_held_are_counted_and_not_taken_for_absent() {
    const COUNT: usize = 66_000;
    let vhost = RabbitMq::shared().vhost();
    let letters = with(&vhost, COUNT).await;
    let part = Coverage { seen: 65_535, total: COUNT as u64 };
    let list = letters.list(10).await.unwrap();
    assert_eq!((list.letters.len(), list.coverage), (10, part));
    let unknown = DeadLetterId::derive(None, b"nobody sent this");
    let found = letters.find(unknown).await.unwrap();
    assert_eq!((found.letters.len(), found.coverage), (0, part));
    let replayed = letters.replay(DeadLetterSelection::Ids(vec![unknown])).await.unwrap();
    assert_eq!((replayed.count, replayed.coverage), (0, part));
    let discarded = letters.discard(vec![unknown], keep()).await.unwrap();
    assert_eq!((discarded.count, discarded.coverage), (0, part));
    // What goes makes room: all of these are looked at.
    let discarded = letters.discard((0..1_000).map(id).collect(), keep()).await.unwrap();
    assert_eq!((discarded.count, discarded.coverage), (1_000, Coverage::whole(COUNT as u64)));
    assert_eq!(letters.list(0).await.unwrap().coverage, Coverage::whole(COUNT as u64 - 1_000));
}
