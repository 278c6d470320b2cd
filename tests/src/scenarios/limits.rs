//! Quotas and audit lines, on the real binaries.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::access::{guarded_stack, key, key_with};
use super::metric;
use super::protocol::refused;
use crate::harness::{Answer, Api, Kind, Unit, until};

async fn place(api: &Api, key: &str) -> Answer {
    let order = json!({"user_id": "anna", "number_of_items": 1, "total_amount": "1"});
    Answer::of(api.request(Method::POST, "/api/billing").bearer_auth(key).json(&order)).await
}

fn audited(unit: &Unit) -> Vec<Value> {
    let log = unit.log();
    // Standard output has the keys that the command printed.
    let lines = log.lines().filter(|line| line.starts_with('{'));
    let lines = lines.map(|line| serde_json::from_str(line).expect("each line is one object"));
    lines.filter(|line: &Value| line["target"] == "audit").collect()
}

pub async fn calls_that_are_too_many_are_refused_and_refusals_are_audited(kind: Kind) {
    let stack = guarded_stack(kind)
        .with_front("KEEPER_LIMITS__ENABLED", "true")
        .with_front("KEEPER_LIMITS__ORDERS__REQUESTS", "3")
        .with_front("KEEPER_LIMITS__ORDERS__BURST", "3")
        .with_front("KEEPER_LIMITS__ORDERS__WINDOW_S", "600")
        .with_front("KEEPER_LIMITS__FAILURES__REQUESTS", "3")
        .with_front("KEEPER_LIMITS__FAILURES__BURST", "3")
        .with_front("KEEPER_LIMITS__FAILURES__WINDOW_S", "600");
    let front = stack.front();
    let (anna, clerk) = (key(front, "anna", "orders:write"), key(front, "clerk", "orders:write,orders:any"));
    let sweeper = key(front, "sweeper", "movies:clear");
    let partner = key_with(front, "anna", "orders:write", &["--limits", "orders=5/300/4"]);
    stack.start().await;
    let api = stack.api();
    for left in ["2", "1", "0"] {
        let answer = place(&api, &anna).await.expect(200);
        assert_eq!(answer.header("RateLimit-Policy"), Some("\"orders\";q=3;w=600"));
        let limit = answer.header("RateLimit").expect("it says what is left").to_owned();
        assert!(limit.starts_with(&format!("\"orders\";r={left};t=")), "{limit}");
    }
    let answer = place(&api, &anna).await;
    refused(&answer, 429, "rate_limited", None);
    let after: u64 = answer.header("Retry-After").expect("it says when").parse().expect("seconds");
    let reset = answer.header("RateLimit").expect("it says what is left").rsplit('=').next().map(str::parse);
    assert!(after > 0 && reset == Some(Ok(after)), "{answer:?}");
    place(&api, &clerk).await.expect(200);
    // A key with limits of its own is counted by them, and told of them.
    for left in ["3", "2", "1", "0"] {
        let answer = place(&api, &partner).await.expect(200);
        assert_eq!(answer.header("RateLimit-Policy"), Some("\"orders\";q=5;w=300"));
        let limit = answer.header("RateLimit").expect("it says what is left");
        assert!(limit.starts_with(&format!("\"orders\";r={left};t=")), "{limit}");
    }
    refused(&place(&api, &partner).await, 429, "rate_limited", None);
    let list = front.command(&["keys", "list"]).stdout;
    assert!(String::from_utf8_lossy(&list).contains("orders=5/300/4"), "{list:?}");
    let request =
        api.request(Method::GET, "/api/movies/7%0A%7B%22target%22").header("X-Request-Id", "audit-1");
    let hostile = request.header("traceparent", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01");
    refused(&Answer::of(hostile.bearer_auth("ck_x")).await, 401, "unauthenticated", None);
    let id = "audit-2";
    let clear = api.request(Method::DELETE, "/api/movies").header("X-Request-Id", id).bearer_auth(&anna);
    refused(&Answer::of(clear).await, 403, "forbidden", None);
    // What is no credential at all is a wrong one.
    let basic = api.request(Method::GET, "/api/movies/7").header("X-Request-Id", "audit-3");
    refused(&Answer::of(basic.basic_auth("anna", Some("x"))).await, 401, "unauthenticated", None);
    for status in [401, 429] {
        assert_eq!(place(&api, "ck_x").await.status, status);
    }
    let clear = api.request(Method::DELETE, "/api/movies").header("X-Request-Id", "audit-4");
    Answer::of(clear.bearer_auth(&sweeper)).await.expect(200);
    place(&api, &clerk).await.expect(200);
    let lines = audited(front);
    let of = |id: &str| lines.iter().find(|line| line["request_id"] == id).expect("it is audited");
    let bad = of("audit-1");
    assert_eq!((&bad["outcome"], &bad["action"]), (&json!("unauthenticated"), &json!("readMovie")));
    assert_eq!((&bad["address"], &bad["via"]), (&json!("127.0.0.1"), &json!("api_key")));
    assert_eq!(bad["trace_id"], "0123456789abcdef0123456789abcdef");
    let denied = of("audit-2");
    assert_eq!((&denied["outcome"], &denied["reason"]), (&json!("forbidden"), &json!("movies:clear")));
    assert_eq!(denied["caller"], anna.split('_').nth(1).expect("a key has an id"));
    let unreadable = of("audit-3");
    assert_eq!(
        (&unreadable["outcome"], &unreadable["reason"]),
        (&json!("unauthenticated"), &json!("not understood"))
    );
    // A change of everybody's names its caller, in inventory too.
    for unit in stack.units().iter().filter(|unit| unit.name() != "billing") {
        let cleared = until("it is audited", Duration::from_secs(30), || {
            audited(unit).into_iter().find(|line| line["request_id"] == "audit-4")
        });
        assert_eq!((&cleared["action"], &cleared["outcome"]), (&json!("movies deleted"), &json!("done")));
        assert_eq!(cleared["caller"], sweeper.split('_').nth(1).expect("a key has an id"));
        assert!(cleared["count"].is_u64() && cleared["address"] == "127.0.0.1", "{cleared}");
    }
    let id = clerk.split('_').nth(1).expect("a key has an id");
    let told = |line: &str| line.contains("\"request\"") && line.contains(&format!("\"caller\":\"{id}\""));
    assert!(front.log().lines().any(told), "the log says who called");
    let metrics = stack.front().management().get("/metrics").await.expect(200).body;
    assert_eq!(metric(&metrics, "rate_limited_total", &[("policy", "orders")]), Some(2.0));
    assert_eq!(metric(&metrics, "rate_limited_total", &[("policy", "failures")]), Some(1.0));
    assert_eq!(metric(&metrics, "auth_decisions_total", &[("outcome", "forbidden")]), Some(1.0));
}
