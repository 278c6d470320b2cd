//! Faults of the distributed stack, one after another, under load. After each: accepted = recorded ∪ dead, nothing
//! twice, nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use keeper_tests::faults::{Outcome, PATIENCE, Proxy, Random, Sent, Site, new_client, place};
use keeper_tests::harness::{Answer, SmallDisk, Unit, eventually, random_text};
use tokio::time::sleep;

#[path = "faults/broker.rs"]
mod broker;
#[path = "faults/hanging.rs"]
mod hanging;

const CLIENTS: usize = 8;

async fn pause(random: &mut Random) {
    sleep(Duration::from_millis(100 + random.below(400))).await;
}

/// The longest time that anybody waited for an answer.
fn slowest(sent: &[Sent]) -> Duration {
    sent.iter().map(|order| order.took).max().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn billing_is_killed_mid_batch_again_and_again() {
    let (site, mut random) = (Site::new().await, Random::new(1));
    let load = site.load(CLIENTS).await;
    for _ in 0..6 {
        site.billing.kill();
        // Something piles up, so that the next kill hits a batch.
        load.more(50).await;
        site.billing.start();
        site.billing.ready().await;
        pause(&mut random).await;
    }
    let account = site.balance(load).await;
    assert_eq!((account.refused, account.unanswered, account.dead.len()), (0, 0, 0), "{account:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateway_is_killed_under_load() {
    let (site, mut random) = (Site::new().await, Random::new(2));
    let load = site.load(CLIENTS).await;
    for _ in 0..5 {
        pause(&mut random).await;
        site.gateway.kill();
        site.gateway.start();
        load.more(20).await;
    }
    let account = site.balance(load).await;
    // Unanswered requests may have been published: they are recorded at most once.
    assert!(account.recorded <= account.accepted + account.refused + account.unanswered);
    assert!(account.dead.is_empty(), "{account:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_broker_is_stopped_for_ten_seconds() {
    let site = Site::new().await;
    let load = site.load(CLIENTS).await;
    tokio::task::block_in_place(|| site.broker.stop_app());
    sleep(Duration::from_secs(10)).await;
    site.gateway.misses("broker").await;
    let answer = Answer::of(
        site.gateway
            .api()
            .request(reqwest::Method::POST, "/api/billing")
            .json(&serde_json::json!({"user_id": "probe", "number_of_items": 1, "total_amount": 1})),
    )
    .await
    .expect(503);
    assert!(answer.header("Retry-After").is_some(), "{answer:?}");
    tokio::task::block_in_place(|| site.broker.start_app());
    load.more(100).await;
    let sent = load.stop().await;
    assert!(slowest(&sent) < Duration::from_secs(4), "{:?}", slowest(&sent));
    let account = site.balance_of(&sent).await;
    assert!(account.refused > 0 && account.dead.is_empty(), "{account:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_falls_silent_is_given_up() {
    let mut proxy = None;
    let site = Site::prepared(async |port| proxy.insert(Proxy::to(port).await).port()).await;
    let proxy = proxy.unwrap();
    site.gateway.start();
    site.billing.start();
    let load = site.load(CLIENTS).await;
    for _ in 0..2 {
        proxy.silence();
        // Two heartbeats of two seconds.
        for unit in [&site.gateway, &site.billing] {
            let start = Instant::now();
            unit.misses("broker").await;
            assert!(start.elapsed() < Duration::from_secs(10), "{}: {:?}", unit.name(), start.elapsed());
        }
        proxy.heal();
        load.more(100).await;
        site.billing.ready().await;
    }
    let sent = load.stop().await;
    assert!(slowest(&sent) < Duration::from_secs(4), "{:?}", slowest(&sent));
    let account = site.balance_of(&sent).await;
    assert!(account.refused > 0 && account.dead.is_empty(), "{account:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_is_killed_and_stopped_and_away() {
    let site = Site::new().await;
    let load = site.load(CLIENTS).await;
    for round in 0..3 {
        tokio::task::block_in_place(|| match round {
            0 => site.postgres.kill(),
            1 => site.postgres.stop_immediately(),
            _ => site.postgres.stop(),
        });
        // Orders are taken all the same: that is what the queue is for.
        load.more(100).await;
        if round == 2 {
            sleep(Duration::from_secs(30)).await;
        }
        tokio::task::block_in_place(|| site.postgres.start_again());
        load.more(50).await;
        site.billing.ready().await;
    }
    let account = site.balance(load).await;
    assert_eq!((account.refused, account.unanswered, account.dead.len()), (0, 0, 0), "{account:?}");
    let peak = site.billing.peak_memory().unwrap_or_default();
    println!("billing's peak: {} MiB", peak / 1024);
    assert!(peak < 100 * 1024, "{peak} KiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_alarm_blocks_the_publisher() {
    let site = Site::new().await;
    let load = site.load(CLIENTS).await;
    tokio::task::block_in_place(|| site.broker.raise_disk_alarm());
    let before = site.ledger().len();
    site.gateway.misses("broker").await;
    // The broker has said that it is blocked: the answer comes at once.
    let order = place(&new_client(), &site.gateway.url(), "probe", 1, "while-blocked").await;
    assert_eq!(order.outcome, Outcome::Refused(503));
    assert!(order.took < Duration::from_millis(500), "{:?}", order.took);
    tokio::task::block_in_place(|| site.broker.clear_disk_alarm());
    load.more(100).await;
    let mut sent = load.stop().await;
    assert!(slowest(&sent) < Duration::from_secs(4), "{:?}", slowest(&sent));
    sent.push(order);
    let account = site.balance_of(&sent).await;
    assert!(account.refused > 0 && account.dead.is_empty() && account.recorded > before, "{account:?}");
}

/// Orders are taken meanwhile; none of them is at fault.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_disk_of_the_database_is_full() {
    let (site, disk) = (Site::new().await, SmallDisk::of_postgres());
    let place = disk.path().display();
    let name = format!("small_{}", random_text(6));
    let space = format!("CREATE TABLESPACE {name} LOCATION '{place}'");
    tokio::task::block_in_place(|| {
        site.sql(&space);
        site.sql(&format!("ALTER TABLE orders SET TABLESPACE {name}"));
    });
    let load = site.load(CLIENTS).await;
    let ballast = disk.path().join("ballast");
    let _ = std::fs::write(&ballast, vec![0; 16 << 20]);
    eventually("billing cannot record", PATIENCE, async || {
        site.billing.log().contains("No space left on device").then_some(())
    })
    .await;
    load.more(200).await;
    site.billing.is("degraded").await;
    site.billing.misses("billing database").await;
    std::fs::remove_file(&ballast).unwrap();
    load.more(50).await;
    site.billing.ready().await;
    let account = site.balance(load).await;
    assert_eq!((account.refused, account.unanswered, account.dead.len()), (0, 0, 0), "{account:?}");
    // The server would miss its files.
    tokio::task::block_in_place(|| {
        site.sql("ALTER TABLE orders SET TABLESPACE pg_default");
        site.sql(&format!("DROP TABLESPACE {name}"));
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_of_billing_are_killed_in_turn() {
    let (site, mut random) = (Site::new().await, Random::new(8));
    let replicas: Vec<_> = (0..3).map(|_| site.replica()).collect();
    replicas.iter().for_each(Unit::start);
    let load = site.load(CLIENTS).await;
    for round in 0..8 {
        let replica = &replicas[round % replicas.len()];
        pause(&mut random).await;
        replica.kill();
        load.more(20).await;
        replica.start();
    }
    let account = site.balance(load).await;
    assert_eq!((account.refused, account.unanswered, account.dead.len()), (0, 0, 0), "{account:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_key_from_fifty_connections_is_one_order() {
    let site = Site::new().await;
    let (url, user) = (site.gateway.url(), format!("client-{}", random_text(8)));
    let clients: Vec<_> = (0..50).map(|_| new_client()).collect();
    let mut sent = Vec::new();
    for cents in 1..=20 {
        let key = format!("order-{cents}");
        sent.extend(join_all(clients.iter().map(|http| place(http, &url, &user, cents, &key))).await);
    }
    assert!(sent.iter().all(|order| order.outcome == Outcome::Accepted));
    let account = site.balance_of(&sent).await;
    assert_eq!((account.recorded, account.dead.len()), (20, 0), "{account:?}");
    // The same key with other content is refused, and changes nothing.
    eventually("the key is looked up in time", PATIENCE, async || {
        let contradiction = place(&clients[0], &url, &user, 999, "order-7").await;
        (contradiction.outcome == Outcome::Refused(422)).then_some(())
    })
    .await;
    assert_eq!(site.balance_of(&sent).await.recorded, 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_that_is_told_to_stop_finishes_what_it_has() {
    let site = Site::new().await;
    let load = site.load(CLIENTS).await;
    for _ in 0..2 {
        assert_eq!(tokio::task::block_in_place(|| site.billing.terminate()).code(), Some(0));
        load.more(50).await;
        site.billing.start();
        site.billing.ready().await;
        load.more(50).await;
        assert_eq!(tokio::task::block_in_place(|| site.gateway.terminate()).code(), Some(0));
        site.gateway.start();
        load.more(50).await;
    }
    let account = site.balance(load).await;
    assert_eq!((account.refused, account.dead.len()), (0, 0), "{account:?}");
    // A request that meets the closing of its idle connection was refused like a connection: nothing of it happened.
    assert_eq!(account.recorded, account.accepted, "{account:?}");
}
