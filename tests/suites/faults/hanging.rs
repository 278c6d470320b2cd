//! Parts that hang: they take connections and say nothing. What does not need them goes on, and what does is told at once.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use keeper_tests::faults::{Balancer, Outcome, PATIENCE, Proxy, Sent, Site, new_client, place};
use keeper_tests::harness::{Api, Postgres, Unit, eventually, random_text};

use super::slowest;

/// Far less than the five seconds for which a call waits, and more than a busy machine takes for a few calls.
const AT_ONCE: Duration = Duration::from_secs(4);

/// What `breaker_state` says of an upstream of the gateway.
async fn breaker(gateway: &Unit, upstream: &str) -> String {
    let metrics = gateway.management().get("/metrics").await.body;
    let name = format!("breaker_state{{upstream=\"{upstream}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
    line.expect("it is measured").to_owned()
}

/// The statuses of calls beside each other, and how long each took.
async fn reads(api: &Api, path: &str, number: u32) -> Vec<(u16, Duration)> {
    reads_every(Duration::ZERO, api, path, number).await
}

/// The same for calls that come one after the other.
async fn reads_every(gap: Duration, api: &Api, path: &str, number: u32) -> Vec<(u16, Duration)> {
    let read = async |number| {
        tokio::time::sleep(gap * number).await;
        let start = Instant::now();
        (api.get(path).await.status, start.elapsed())
    };
    join_all((0..number).map(read)).await
}

fn failed(reads: &[(u16, Duration)]) -> bool {
    reads.iter().all(|(status, _)| matches!(status, 503 | 504))
}

/// All but those that were tried were answered at once; more than one may be, where the machine is busy.
fn are_at_once(reads: &[(u16, Duration)]) -> bool {
    failed(reads) && reads.iter().filter(|(_, took)| *took > AT_ONCE).count() <= 2
}

async fn order(url: &str, key: &str) -> Sent {
    place(&new_client(), url, "probe", 1, &format!("{key}-{}", random_text(8))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inventory_hangs() {
    let site = Site::prepared(async |port| port).await;
    let inventory = Unit::new("inventory", Postgres::shared().database().settings());
    let gateway =
        Unit::new("gateway", site.gateway.settings()).with("KEEPER_INVENTORY__URL", &inventory.url());
    for unit in [&inventory, &gateway, &site.billing] {
        unit.start();
    }
    gateway.ready().await;
    site.billing.ready().await;
    let (api, url) = (gateway.api(), gateway.url());
    let movie = serde_json::json!({ "title": "Solaris", "description": "" });
    let id = api.post("/api/movies", &movie).await.expect(201).json()["id"].to_string();
    let path = format!("/api/movies/{id}");
    assert_eq!(breaker(&gateway, "inventory").await, "0");

    inventory.signal("STOP");
    // Those that come at once share a trip or two, and few trips tell nothing.
    let first = reads_every(Duration::from_millis(25), &api, &path, 40).await;
    assert!(failed(&first), "{first:?}");
    assert_ne!(breaker(&gateway, "inventory").await, "0");
    let then = reads(&api, &path, 40).await;
    assert!(are_at_once(&then), "{then:?}");
    gateway.misses("inventory").await;
    gateway.is("degraded").await;
    let mut sent = Vec::new();
    for _ in 0..20 {
        sent.push(order(&url, "order").await);
    }
    assert!(sent.iter().all(|order| order.outcome == Outcome::Accepted), "{sent:?}");
    assert!(slowest(&sent) < AT_ONCE);

    inventory.signal("CONT");
    eventually("movies are read again", PATIENCE, async || {
        (api.get(&path).await.status == 200).then_some(())
    })
    .await;
    let again = reads(&api, &path, 40).await;
    assert!(again.iter().all(|(status, _)| *status == 200), "{again:?}");
    assert_eq!(breaker(&gateway, "inventory").await, "0");
    gateway.is("ready").await;
    site.balance_of(&sent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn billing_hangs() {
    let site = Site::new().await;
    let (api, url) = (site.gateway.api(), site.gateway.url());
    site.billing.signal("STOP");
    let path = "/api/billing/orders?user_id=probe";
    let first = reads(&api, path, 20).await;
    assert!(failed(&first), "{first:?}");
    let then = reads(&api, path, 20).await;
    assert!(are_at_once(&then), "{then:?}");
    let sent = join_all((0..20).map(|_| order(&url, "order"))).await;
    assert!(sent.iter().all(|order| order.outcome == Outcome::Accepted), "{sent:?}");
    site.billing.signal("CONT");
    eventually("orders are read again", PATIENCE, async || (api.get(path).await.status == 200).then_some(()))
        .await;
    site.balance_of(&sent).await;
}

/// The first orders wait for their confirms, two seconds here. The others are refused at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_broker_hangs() {
    let mut network = None;
    let site = Site::prepared(async |port| {
        let proxy = Proxy::to(port).await;
        let port = proxy.port();
        network = Some(proxy);
        port
    })
    .await;
    let network = network.expect("it was made");
    site.gateway.start();
    site.billing.start();
    site.billing.ready().await;
    let url = site.gateway.url();
    let mut sent = vec![order(&url, "before").await];
    assert_eq!(sent[0].outcome, Outcome::Accepted);

    network.silence();
    sent.extend(join_all((0..40).map(|_| order(&url, "first"))).await);
    let start = Instant::now();
    let then = join_all((0..40).map(|_| order(&url, "then"))).await;
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
    assert!(then.iter().all(|order| order.outcome == Outcome::Refused(503)), "{then:?}");
    sent.extend(then);

    network.heal();
    eventually("orders are taken again", PATIENCE, async || {
        let again = order(&url, "again").await;
        let accepted = again.outcome == Outcome::Accepted;
        sent.push(again);
        accepted.then_some(())
    })
    .await;
    assert_eq!(breaker(&site.gateway, "broker").await, "0");
    let account = site.balance_of(&sent).await;
    assert!(account.refused >= 40 && account.dead.is_empty(), "{account:?}");
}

/// Each new connection is well, and no order is confirmed on it: that is one trouble, and is over when one is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_is_down_while_its_connection_is_well() {
    let site = Site::new().await;
    let up = async || {
        let metrics = site.gateway.management().get("/metrics").await.body;
        metrics.lines().any(|line| line == "dependency_up{name=\"broker\"} 1")
    };
    let load = site.load(2).await;
    let queue = |call: &str| tokio::task::block_in_place(|| site.broker.queue_process(&site.vhost, call));
    queue("stop_server");
    site.gateway.misses("broker").await;
    let told = |text: &str| site.gateway.log().matches(text).count();
    // Some sessions come and go meanwhile.
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(10) {
        assert!(!up().await, "{:?}", start.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!((told("the broker confirms nothing"), told("the broker is back")), (1, 0));
    queue("restart_server");
    load.more(20).await;
    eventually("the broker is there", PATIENCE, async || up().await.then_some(())).await;
    assert_eq!((told("the broker confirms nothing"), told("the broker is back")), (1, 1));
    let account = site.balance(load).await;
    assert!(account.refused > 0 && account.dead.is_empty(), "{account:?}");
}

/// What the objective of reads asks of one.
const OBJECTIVE: Duration = Duration::from_millis(100);

/// A read of a client: when it began, how long it took, and its status.
struct Read {
    begun: Duration,
    took: Duration,
    status: u16,
}

/// How many of a hundred reads were not what the objective asks for.
fn percent_bad<'a>(reads: impl Iterator<Item = &'a Read>) -> f64 {
    let (mut bad, mut all) = (0.0, 0.0);
    for read in reads {
        all += 1.0;
        bad += if read.status == 200 && read.took <= OBJECTIVE { 0.0 } else { 1.0 };
    }
    100.0 * bad / all
}

/// Reads by clients beside each other, for so long.
async fn reading(api: &Api, path: &str, clients: u32, span: Duration) -> Vec<Read> {
    let start = Instant::now();
    let client = async |_| {
        let mut seen = Vec::new();
        while start.elapsed() < span {
            let begun = start.elapsed();
            let status = api.get(path).await.status;
            seen.push(Read { begun, took: start.elapsed().saturating_sub(begun), status });
        }
        seen
    };
    join_all((0..clients).map(client)).await.into_iter().flatten().collect()
}

/// A Service goes on sending connections to it until its pod is found not to be ready.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_replica_of_three_hangs() {
    let site = Site::prepared(async |port| port).await;
    let database = Postgres::shared().database();
    let inventories: Vec<_> = (0..3).map(|_| Unit::new("inventory", database.settings())).collect();
    for inventory in &inventories {
        inventory.start();
        inventory.ready().await;
    }
    let balancer = Balancer::over(inventories.iter().map(Unit::port).collect()).await;
    let gateway =
        Unit::new("gateway", site.gateway.settings()).with("KEEPER_INVENTORY__URL", &balancer.url());
    gateway.start();
    // Billing is not there.
    gateway.is("degraded").await;
    let api = gateway.api();
    let movie = serde_json::json!({ "title": "Solaris", "description": "" });
    let id = api.post("/api/movies", &movie).await.expect(201).json()["id"].to_string();
    let (list, by_id) = ("/api/movies?limit=1", format!("/api/movies/{id}"));
    reading(&api, list, 16, Duration::from_secs(2)).await;
    inventories[0].signal("STOP");
    let seen = reading(&api, list, 16, Duration::from_secs(20)).await;
    inventories[0].signal("CONT");
    assert!(hung_for_a_few(&seen) > 0, "it was asked nothing");
    // Reads by id share few connections: one of the three has what is on its way on them.
    let mut slow = 0;
    for inventory in &inventories {
        reading(&api, list, 16, Duration::from_secs(1)).await;
        let before = reading(&api, &by_id, 16, Duration::from_secs(2)).await;
        let (seen, ()) = tokio::join!(reading(&api, &by_id, 16, Duration::from_secs(12)), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            inventory.signal("STOP");
        });
        inventory.signal("CONT");
        slow += hung_for_a_few(&seen);
        // What a machine does that is slow by itself says nothing of the replica.
        let usual = percent_bad(before.iter());
        let bad = percent_bad(seen.iter().filter(|read| read.begun > Duration::from_secs(8)));
        assert!(bad <= 1.0 || usual > 0.1, "{bad} % of reads were bad at the end, and {usual} % before");
    }
    assert!(slow > 0, "it was asked nothing");
}

/// What was on its way to the replica waits, and what new connections lead to it: those who wait give their connections up. Where
/// many begin to wait in the same moment, a few may be refused, until the next answer. Answers how many did not fare well.
fn hung_for_a_few(seen: &[Read]) -> usize {
    let count = |is: &dyn Fn(&Read) -> bool| seen.iter().filter(|read| is(read)).count();
    let slow = count(&|read| read.status != 200 || read.took > AT_ONCE);
    assert!(slow <= 24 || slow * 100 < seen.len(), "of {} reads {slow} failed or were slow", seen.len());
    slow
}
