//! Every line of the log that belongs to a request or an order says to which, and no span tells what it should not.

use keeper_tests::harness::{Answer, Collector, Kind, Stack, Unit};
use keeper_tests::scenarios::{bad_input, dead_letters, movies, orders};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{KINDS, new_trace, traced_stack, traceparent};

/// What a unit says of itself, not of a request: at its start and its end, of its dependencies, of its collector.
const OF_THE_UNIT: &[&str] = &[
    "keeper_bootstrap::",
    "keeper_http_server::front::serve",
    "keeper_http_server::front::listener",
    "keeper_http_server::readiness",
    "keeper_rabbitmq::connection",
    "keeper_postgres::migrate",
    "keeper_postgres::folding",
    // At the start and the end; its consumer, its queue and its dead letters are of orders.
    "keeper_sqlite::database",
    "keeper_sqlite::movies",
];

fn check(unit: &Unit) {
    let log = unit.log();
    let mut of_requests = 0;
    for line in log.lines().filter(|line| line.starts_with('{')) {
        let line: Value = serde_json::from_str(line).unwrap();
        let target = line["target"].as_str().unwrap();
        if line["request_id"].is_null() && OF_THE_UNIT.iter().any(|own| target.starts_with(own)) {
            continue;
        }
        of_requests += 1;
        for (id, length) in [("trace_id", 32), ("span_id", 16)] {
            assert_eq!(line[id].as_str().map(str::len), Some(length), "{}: {line}", unit.name());
        }
        assert!(line["request_id"].is_string(), "{}: {line}", unit.name());
    }
    assert!(of_requests > 0, "{}: {log}", unit.name());
}

async fn all_kinds_of_requests(stack: &Stack) {
    orders::an_order_is_read_back_as_recorded(stack).await;
    movies::a_movie_is_added_read_changed_and_deleted(stack).await;
    bad_input::bad_ids_are_refused(stack).await;
    dead_letters::an_operator_looks_replays_and_discards(stack).await;
    dead_letters::a_key_that_is_used_again_and_again_makes_one_dead_letter(stack).await;
    let unknown = stack.api().request(Method::from_bytes(b"FOO").unwrap(), "/api/movies");
    Answer::of(unknown).await.expect(405);
}

// The scenario of dead letters blocks a thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_of_a_request_says_to_which_it_belongs() {
    for kind in KINDS {
        let collector = Collector::start();
        let traced = traced_stack(kind, &collector, &[]).await;
        all_kinds_of_requests(&traced).await;
        traced.units().iter().for_each(check);
        // Without a collector, too.
        let stack = Stack::started(kind).await;
        all_kinds_of_requests(&stack).await;
        stack.units().iter().for_each(check);
    }
}

/// Its client was told that it was accepted; the line is all that is left of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_is_dropped_is_named() {
    let stack = Stack::started(Kind::Standalone).await;
    dead_letters::a_key_that_is_used_again_and_again_makes_one_dead_letter(&stack).await;
    stack.units().iter().for_each(check);
    let log = stack.recorder().log();
    let dropped: Vec<Value> = log
        .lines()
        .filter(|line| line.contains("counted and not kept"))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(!dropped.is_empty(), "{log}");
    for line in dropped {
        assert_eq!(line["order_id"].as_str().map(str::len), Some(36), "{line}");
        assert!(line["request_id"].is_string() && line["trace_id"].is_string(), "{line}");
    }
}

#[tokio::test]
async fn spans_tell_neither_credentials_nor_content() {
    let collector = Collector::start();
    let stack = traced_stack(Kind::Distributed, &collector, &[]).await;
    let trace_id = new_trace();
    let secrets =
        ["very-secret-key", "user-whom-nobody-knows", "title-that-nobody-knows", "key-of-idempotency"];
    let [key, user, title, idempotency] = secrets;
    let send = async |request: reqwest::RequestBuilder| {
        let request = request.header("traceparent", traceparent(&trace_id)).header("X-Api-Key", key);
        Answer::of(request.header("Idempotency-Key", idempotency)).await
    };
    let api = stack.api();
    let order = json!({"user_id": user, "number_of_items": 1, "total_amount": "1.00"});
    send(api.request(Method::POST, "/api/billing").json(&order)).await.expect(200);
    send(api.request(Method::GET, &format!("/api/billing/orders?user_id={user}"))).await.expect(200);
    send(api.request(Method::GET, &format!("/api/movies?title={title}"))).await.expect(200);
    let spans = format!("{:?}", collector.trace(&trace_id, 10));
    for secret in secrets {
        assert!(!spans.contains(secret), "{secret}: {spans}");
    }
}
