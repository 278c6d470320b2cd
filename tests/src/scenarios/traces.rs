//! Traces: what a client began is found in every unit.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::orders::{contradiction, place, recorded};
use super::unique;
use crate::harness::{Answer, Stack, eventually, random_text};

pub async fn a_trace_is_on_every_line_of_its_requests_and_orders(stack: &Stack) {
    let api = stack.api();
    let (user, request_id) = (unique("user"), unique("traced"));
    let trace_id: String = random_text(32).bytes().map(|byte| char::from(b'a' + byte % 6)).collect();
    let traced = |request: RequestBuilder| {
        let traceparent = format!("00-{trace_id}-b7ad6b7169203331-01");
        request.header("X-Request-Id", &request_id).header("traceparent", traceparent)
    };
    let order = json!({"user_id": user, "number_of_items": 1, "total_amount": "1.00"});
    recorded(&api, &place(&api, &order, None).await).await;

    Answer::of(traced(api.request(Method::GET, "/api/movies?limit=1"))).await.expect(200);
    let orders = format!("/api/billing/orders?user_id={user}");
    Answer::of(traced(api.request(Method::GET, &orders))).await.expect(200);
    // Of two orders under one key the second is told of in a line of its own, after its request has ended.
    contradiction(&api, &user, &traced).await;
    let dead = || {
        let log = stack.recorder().log();
        log.lines().filter(|line| line.contains("to the dead letters") && line.contains(&request_id)).count()
    };
    eventually("the order goes to the dead letters", Duration::from_secs(30), async || {
        (dead() == 1).then_some(())
    })
    .await;

    for unit in stack.units() {
        let log = unit.log();
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(&request_id)).collect();
        assert!(!lines.is_empty(), "{} has no line of the request: {log}", unit.name());
        for line in lines {
            let line: Value = serde_json::from_str(line).expect("a line is JSON");
            assert_eq!(line["trace_id"], trace_id.as_str(), "{}: {line}", unit.name());
        }
    }
}
