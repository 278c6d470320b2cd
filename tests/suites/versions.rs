//! The version before beside today's, as in a roll-out: services first, then the gateway, and back again. Under load, and
//! afterwards: accepted = recorded + dead letters, nothing twice, nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::BTreeMap;

use keeper_tests::faults::{Load, Outcome, PATIENCE, Sent, Site, new_client, place, publish};
use keeper_tests::harness::{Answer, Api, Postgres, Unit, Version, eventually};
use lapin::BasicProperties;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::{JoinHandle, block_in_place};
use tokio_util::sync::CancellationToken;

/// Stops a unit gently, and starts it in another version.
async fn roll(unit: &mut Unit, version: Version) {
    assert!(block_in_place(|| unit.terminate()).success(), "{}", unit.log());
    unit.install(version);
    unit.start();
    unit.health("ready", 200).await;
}

/// Reads and changes movies, and reads orders, again and again, and counts the statuses of each call. Where a unit is just being
/// replaced there may be no answer; there is never a fault.
async fn browse(api: &Api, seen: &mut BTreeMap<(String, u16), u32>) {
    let mut ask = async |method: Method, path: &str, body: Option<Value>| {
        let request = api.request(method.clone(), path);
        let request = if let Some(body) = body { request.json(&body) } else { request };
        let answer = Answer::try_of(request).await.ok()?;
        let call = format!("{method} {}", path.split('?').next().unwrap().trim_end_matches(char::is_numeric));
        assert_ne!(answer.status, 500, "{call}: {}", answer.body);
        *seen.entry((call, answer.status)).or_default() += 1;
        Some(answer)
    };
    let movie = json!({ "title": "Solaris", "description": "An ocean that thinks." });
    let added = ask(Method::POST, "/api/movies", Some(movie)).await.filter(|answer| answer.status == 201);
    ask(Method::GET, "/api/movies?limit=5&title=sol", None).await;
    if let Some(added) = added {
        let path = format!("/api/movies/{}", added.json()["id"]);
        ask(Method::GET, &path, None).await;
        ask(Method::PUT, &path, Some(json!({ "title": "Solaris (1972)" }))).await;
        ask(Method::DELETE, &path, None).await;
    }
    ask(Method::GET, "/api/billing/orders?user_id=visitor&limit=5", None).await;
    let placed = the_only_order(api).await;
    if placed.outcome == Outcome::Accepted {
        let found = api.request(Method::GET, &format!("/api/billing/orders/{}?wait=10", placed.id));
        let Ok(found) = Answer::try_of(found).await else { return };
        assert!([200, 404, 503, 504].contains(&found.status), "{found:?}");
    }
}

/// Always the same order: each version derives its id from the key, and looks whether it is recorded.
async fn the_only_order(api: &Api) -> Sent {
    place(&new_client(), api.base(), "visitor", 100, "the-only-one").await
}

/// Somebody who browses until told to stop.
struct Visitor {
    stop: CancellationToken,
    seen: JoinHandle<BTreeMap<(String, u16), u32>>,
}

impl Visitor {
    fn of(gateway: &Unit) -> Self {
        let (api, stop) = (gateway.api(), CancellationToken::new());
        let stopped = stop.clone();
        let seen = tokio::spawn(async move {
            let mut seen = BTreeMap::new();
            while !stopped.is_cancelled() {
                browse(&api, &mut seen).await;
            }
            seen
        });
        Self { stop, seen }
    }

    async fn ends(self) -> BTreeMap<(String, u16), u32> {
        self.stop.cancel();
        self.seen.await.expect("no answer was a fault")
    }
}

/// Nothing is being replaced: everything must succeed.
async fn all_is_well(gateway: &Unit, load: &Load, versions: &str) {
    load.more(100).await;
    let (api, mut seen) = (gateway.api(), BTreeMap::new());
    // The breakers may still remember what was replaced.
    eventually("the gateway finds both services", PATIENCE, async || {
        let movies = api.get("/api/movies?limit=1").await.status;
        let orders = api.get("/api/billing/orders?user_id=visitor").await.status;
        ((movies, orders) == (200, 200)).then_some(())
    })
    .await;
    for _ in 0..10 {
        browse(&api, &mut seen).await;
    }
    let failed: Vec<_> = seen.iter().filter(|((_, status), _)| !(200..300).contains(status)).collect();
    assert!(failed.is_empty(), "{versions}: {failed:?}");
    assert_eq!(seen.values().sum::<u32>(), 60, "{versions}: {seen:?}");
    println!("{versions}: well");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_roll_out_and_back_loses_no_order_and_answers_no_fault() {
    use Version::{Before, Today};
    let mut site = Site::prepared(async |port| port).await;
    let mut inventory = Unit::new("inventory", Postgres::shared().database().settings());
    let gateway =
        Unit::new("gateway", site.gateway.settings()).with("KEEPER_INVENTORY__URL", &inventory.url());
    site.gateway = gateway;
    let mut replica = site.replica();
    for unit in [&mut inventory, &mut site.billing, &mut replica, &mut site.gateway] {
        unit.install(Before);
        unit.start();
    }
    for unit in [&inventory, &site.billing, &replica, &site.gateway] {
        unit.health("ready", 200).await;
    }
    let load = site.load(4).await;
    let visitor = Visitor::of(&site.gateway);
    all_is_well(&site.gateway, &load, "all before").await;

    // One replica after the other, as Kubernetes does: both versions record at the same time.
    roll(&mut inventory, Today).await;
    roll(&mut site.billing, Today).await;
    all_is_well(&site.gateway, &load, "gateway before, services of both").await;
    let (_connection, channel) = site.channel().await;
    for number in 0..20 {
        publish(&channel, BasicProperties::default(), format!("poison {number}").as_bytes()).await;
    }
    roll(&mut replica, Today).await;
    all_is_well(&site.gateway, &load, "gateway before, services today").await;
    roll(&mut site.gateway, Today).await;
    all_is_well(&site.gateway, &load, "all today").await;

    // And back, on what today's have made of the tables and the queues.
    roll(&mut inventory, Before).await;
    roll(&mut site.billing, Before).await;
    roll(&mut replica, Before).await;
    all_is_well(&site.gateway, &load, "gateway today, services before").await;
    roll(&mut site.gateway, Before).await;
    all_is_well(&site.gateway, &load, "all before again").await;
    roll(&mut site.billing, Today).await;

    let seen = visitor.ends().await;
    println!("{seen:?}");
    let mut sent = load.stop().await;
    sent.push(the_only_order(&site.gateway.api()).await);
    let account = site.balance_of(&sent).await;
    let poison = eventually("all poison is among the dead letters", PATIENCE, async || {
        Some(site.letters()).filter(|letters| letters.len() >= 20)
    })
    .await;
    assert!(poison.iter().all(|letter| letter.body.starts_with("poison")), "{poison:?}");
    assert!(account.refused < account.accepted / 100, "{account:?}");
}
