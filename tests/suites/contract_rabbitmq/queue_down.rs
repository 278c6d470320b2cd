//! A queue that is down in the broker, while the broker itself and all connections are well.

use std::time::Instant;

use keeper_breaker::{BreakerMetrics, GuardedQueue, Upstream};

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_are_refused_at_once_until_it_is_back() {
    let vhost = RabbitMq::shared().vhost();
    let broker = broker(&BrokerSettings { publish_timeout_ms: 2_000, ..settings(&vhost) });
    let (queue, _kept) = connected(&broker).await;
    let upstream = Upstream::new("broker", 100, &BreakerMetrics::register(&Registry::new()).unwrap());
    let queue = GuardedQueue::new(Arc::new(upstream), queue);
    queue.enqueue(samples::order("20")).await.unwrap();
    tokio::task::block_in_place(|| RabbitMq::shared().queue_process(&vhost, "stop_server"));

    let orders = async || {
        let start = Instant::now();
        let orders = (0..20).map(|_| queue.enqueue(samples::order("20")));
        let results = futures_util::future::join_all(orders).await;
        assert!(
            results.iter().all(|result| matches!(result, Err(PortError::Unavailable { .. }))),
            "{results:?}"
        );
        start.elapsed()
    };
    let first = orders().await;
    // Connecting again finds the queue as it is, however often: it is of no use before an order is confirmed.
    for _ in 0..12 {
        let then = orders().await;
        assert!(then < first, "{first:?}, then {then:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }

    tokio::task::block_in_place(|| RabbitMq::shared().queue_process(&vhost, "restart_server"));
    eventually("orders are taken again", PATIENCE, async || queue.enqueue(samples::order("20")).await.ok())
        .await;
}

/// The connections to a virtual host, by the client's port.
fn connections(vhost: &Vhost) -> Vec<String> {
    let listed =
        tokio::task::block_in_place(|| RabbitMq::shared().ctl(&["list_connections", "vhost", "name"]));
    listed.lines().filter(|line| line.starts_with(&vhost.name)).map(str::to_owned).collect()
}

/// One order is enough, and nothing comes after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_told_without_another_order() {
    let vhost = RabbitMq::shared().vhost();
    let broker = broker(&BrokerSettings { publish_timeout_ms: 1_000, ..settings(&vhost) });
    let (queue, _kept) = connected(&broker).await;
    queue.enqueue(samples::order("20")).await.unwrap();
    tokio::task::block_in_place(|| RabbitMq::shared().queue_process(&vhost, "stop_server"));
    let before = connections(&vhost);
    assert_eq!(before.len(), 1, "{before:?}");
    assert!(queue.enqueue(samples::order("20")).await.is_err());
    eventually("there is another connection", PATIENCE, async || {
        let now = connections(&vhost);
        (!now.is_empty() && now != before).then_some(())
    })
    .await;
    tokio::task::block_in_place(|| RabbitMq::shared().queue_process(&vhost, "restart_server"));
    eventually("orders are taken again", PATIENCE, async || queue.enqueue(samples::order("20")).await.ok())
        .await;
}
