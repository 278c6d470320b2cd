//! The memory limits of the containers hold against clients that do not read, that leave, and that do not go on.

#![allow(clippy::expect_used, reason = "tests")]

use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::*;

const PATIENCE: Duration = Duration::from_mins(1);

/// The memory limit of a unit's container in the base of all overlays, in KiB.
fn limit(unit: &str) -> u64 {
    let kind = if unit == "billing" { "stateful-set" } else { "deployment" };
    let path = format!("{}/../kustomize/base/{unit}/{kind}.yaml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("it is there");
    let (_, limits) = text.rsplit_once("limits:").expect("the unit's own container is the last one");
    let memory = limits.split_once("memory: ").expect("it has a limit").1;
    let mebibytes = memory.lines().next().and_then(|line| line.strip_suffix("Mi")).expect("it is in Mi");
    mebibytes.parse::<u64>().expect("a number") * 1024
}

/// So many connections that send this and take nothing of the answer.
async fn senders(unit: &Unit, number: usize, request: &str) -> Vec<TcpStream> {
    let address = unit.url().strip_prefix("http://").expect("it is HTTP").to_owned();
    let send = async |_| {
        let mut stream = TcpStream::connect(&address).await.expect("it listens");
        // It may be refused before all of it is sent.
        let _ = tokio::time::timeout(Duration::from_millis(500), stream.write_all(request.as_bytes())).await;
        stream
    };
    join_all((0..number).map(send)).await
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

fn within_limits(stack: &Stack, after: &str) {
    for unit in stack.units() {
        let (peak, limit) = (unit.peak_memory().expect("it runs"), limit(unit.name()));
        println!("after {after}: {} {} of {} MiB", unit.name(), peak / 1024, limit / 1024);
        assert!(peak < limit, "{after}: {} took {peak} of {limit} KiB", unit.name());
    }
}

/// Nobody is served any more, so nothing is held for anybody.
async fn all_quiet(stack: &Stack) {
    for unit in stack.units() {
        eventually("no request is in flight", PATIENCE, async || {
            let metrics = unit.management().get("/metrics").await.body;
            (metric(&metrics, "http_in_flight", &[]) == Some(0.0)).then_some(())
        })
        .await;
    }
}

/// The files of the documentation, which need no data and no credentials.
async fn documentation(stack: &Stack) {
    for coding in ["identity", "gzip"] {
        let file = format!(
            "GET /api-docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {coding}\r\n\r\n"
        );
        let readers = join_all(stack.units().iter().map(|unit| senders(unit, 500, &file))).await;
        all_quiet(stack).await;
        within_limits(stack, "the documentation's files");
        drop(readers);
    }
}

/// Pages of orders whose users have the longest names.
async fn orders(stack: &Stack) {
    let insert = "INSERT INTO orders (order_id, user_id, number_of_items, total_minor, created_at, recorded_at)
        SELECT ('019a2f5e-7c1b-7d3a-9e4f-' || lpad(n::text, 12, '0'))::uuid, repeat(U&'\\+01F3AC', 64), 1, 1, now(), now()
        FROM generate_series(1, 1000) n";
    let database = &stack.backing().billing.name;
    tokio::task::block_in_place(|| Postgres::shared().psql(database, insert));
    let path = format!("/api/billing/orders?limit=1000&user_id={}", "%F0%9F%8E%AC".repeat(64));
    let orders = stack.api().get(&path).await.expect(200).json();
    assert_eq!(orders.as_array().map(Vec::len), Some(1000));
    let page = get(&path);
    let front = senders(stack.front(), 500, &page);
    let readers = join_all([front, senders(stack.unit("billing"), 500, &page)]).await;
    all_quiet(stack).await;
    within_limits(stack, "pages of orders");
    drop(readers);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_do_not_read_leave_or_stop_cost_no_container_its_life() {
    let stack = Stack::distributed(backing());
    stack.start().await;
    let (api, gateway) = (stack.api(), stack.front());
    let movie = json!({"title": "Long", "description": ""});
    for _ in 0..10 {
        let added = join_all((0..100).map(|_| api.post("/api/movies", &movie))).await;
        let refused = added.iter().find(|answer| answer.status != 201);
        assert!(refused.is_none(), "{refused:?}");
    }
    // As long as a description may be: a page of them is 40 MB.
    let long = "UPDATE movies SET description = repeat(U&'\\+01F3AC', 10000)";
    let database = &stack.backing().inventory.name;
    tokio::task::block_in_place(|| Postgres::shared().psql(database, long));

    documentation(&stack).await;
    orders(&stack).await;

    let page = get("/api/movies?limit=1000");
    let readers = join_all([senders(gateway, 47, &page), senders(stack.unit("inventory"), 47, &page)]).await;
    eventually("pages were made", PATIENCE, async || {
        let metrics = gateway.management().get("/metrics").await.body;
        let asked = [("method", "GET"), ("route", "/api/movies")];
        let made = |status| {
            metric(&metrics, "http_requests_total", &[asked[0], asked[1], ("status", status)]).unwrap_or(0.0)
        };
        // Unoptimised, such a page may take longer than a request may; it takes the memory all the same.
        (made("200") + made("504") >= 2.0).then_some(())
    })
    .await;
    all_quiet(&stack).await;
    within_limits(&stack, "clients that do not read");
    drop(readers);

    let wait = get("/api/billing/orders/019a2f5e-7c1b-7d3a-9e4f-0123456789ab?wait=30");
    for _ in 0..20 {
        // Each connection is left at once.
        drop(join_all([senders(gateway, 200, &wait), senders(stack.unit("billing"), 200, &wait)]).await);
    }
    all_quiet(&stack).await;
    within_limits(&stack, "waits that were abandoned");

    let half = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Long: {}", "x".repeat(400_000));
    for unit in stack.units() {
        let (mut half_sent, mut idle) = (Vec::new(), Vec::new());
        for _ in 0..15 {
            half_sent.extend(senders(unit, 100, &half).await);
        }
        // Of 9,000, 768 are kept at most.
        for _ in 0..9 {
            idle.extend(senders(unit, 1000, "").await);
        }
        within_limits(&stack, "half-sent heads and idle connections");
    }
    stack.ready().await;
    assert_eq!(api.get("/api/movies?limit=1").await.status, 200);
}

/// Messages of a foreign publisher, to whom nobody said how long an order is: not text, of which JSON has five times as much.
async fn publish_long_dead_letters(stack: &Stack, count: usize) {
    let url = stack.backing().vhost.url();
    let connection = lapin::Connection::connect(&url, lapin::ConnectionProperties::default()).await;
    let channel = connection.expect("it is up").create_channel().await.expect("it is open");
    for number in 0..count {
        let body = [number.to_string().as_bytes(), &vec![0xff; 1_000_000]].concat();
        let (options, properties) = Default::default();
        let sent = channel.basic_publish("".into(), "billing_queue.dead".into(), options, &body, properties);
        let _ = sent.await.expect("it is taken").await.expect("it is there");
    }
    eventually("all are there", PATIENCE, async || {
        let depth = || RabbitMq::shared().depth(&stack.backing().vhost, "billing_queue.dead");
        (tokio::task::block_in_place(depth) == Some(count as u64)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_dead_letters_cost_billing_no_more_than_it_has() {
    let stack = Stack::distributed(backing());
    stack.start().await;
    stack.ready().await;
    publish_long_dead_letters(&stack, 300).await;
    let list = "/api/operations/dead-letters?limit=100";
    let billing = stack.unit("billing").api();
    let seen = eventually("they are listed", PATIENCE, async || {
        let mut asked = std::pin::pin!(billing.get(list));
        // Where it takes too much, the answer may not come in time.
        let answer = loop {
            tokio::select! {
                answer = &mut asked => break answer,
                () = tokio::time::sleep(Duration::from_millis(500)) => {
                    within_limits(&stack, "a list of long dead letters that is being made");
                }
            }
        };
        within_limits(&stack, "a list of long dead letters");
        (answer.status == 200).then(|| answer.json())
    })
    .await;
    assert_eq!((&seen["seen"], &seen["total"]), (&json!(300), &json!(300)));
    let letters = seen["dead_letters"].as_array().expect("a list");
    assert!((1..100).contains(&letters.len()), "{}", letters.len());
}
