//! Starts, stops and kills.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::movies::add;
use super::orders::{place, recorded};
use super::unique;
use crate::harness::{Api, Kind, Stack, Unit, eventually};

async fn fill(stack: &Stack) -> (Value, Value) {
    let api = stack.api();
    let movie = add(&api, &unique("Kept")).await;
    let order = json!({"user_id": "20", "number_of_items": 2, "total_amount": "3.50"});
    let id = place(&api, &order, None).await;
    (movie, recorded(&api, &id).await)
}

async fn is_there(stack: &Stack, movie: &Value, order: &Value) {
    let api = stack.api();
    let read = api.get(&format!("/api/movies/{}", movie["id"])).await.expect(200).json();
    assert_eq!(read, *movie);
    let id = order["order_id"].as_str().expect("it has an id");
    assert_eq!(recorded(&api, id).await, *order);
}

pub async fn everything_is_still_there_after_a_restart(stack: &Stack) {
    let (movie, order) = fill(stack).await;
    for unit in stack.units() {
        assert_eq!(unit.terminate().code(), Some(0), "{}: {}", unit.name(), unit.log());
    }
    stack.start().await;
    is_there(stack, &movie, &order).await;
    assert!(add(&stack.api(), "The next one").await["id"].as_i64() > movie["id"].as_i64());
}

pub async fn what_was_answered_survives_a_kill(stack: &Stack) {
    let (movie, order) = fill(stack).await;
    let last = json!({"user_id": "21", "number_of_items": 1, "total_amount": "1.00"});
    let id = place(&stack.api(), &last, None).await;
    stack.units().iter().rev().for_each(Unit::kill);
    stack.start().await;
    is_there(stack, &movie, &order).await;
    assert_eq!(recorded(&stack.api(), &id).await["user_id"], "21");
}

pub async fn sigterm_finishes_what_is_in_flight_and_exits_with_0(stack: &Stack) {
    let path = "/api/billing/orders/019a2f5e-7c1b-7d3a-9e4f-0123456789ab?wait=30";
    let waiting = tokio::spawn({
        let api = stack.api();
        async move { api.get(path).await }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (front, start) = (stack.front(), Instant::now());
    assert_eq!(front.terminate().code(), Some(0), "{}", front.log());
    // Whoever waits is told at once what is there.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let answer = waiting.await.expect("the request is answered");
    assert_eq!(answer.expect(404).json()["code"], "not_found");
    if stack.kind() == Kind::Distributed {
        for unit in ["inventory", "billing"].map(|name| stack.unit(name)) {
            assert_eq!(unit.terminate().code(), Some(0), "{}: {}", unit.name(), unit.log());
        }
    }
}

/// A request must not meet the closing of its idle connection.
pub async fn who_keeps_a_connection_is_told_to_leave_before_it_is_closed(stack: &Stack) {
    for unit in stack.units() {
        let clients = [(); 4].map(|()| unit.api());
        let ask = async |api: &Api| {
            let answer = api.get("/unknown").await.expect(404);
            answer.header("Connection").map(str::to_owned)
        };
        for api in &clients {
            assert_eq!(ask(api).await, None, "{}", unit.name());
        }
        unit.signal("TERM");
        eventually("an answer is the last on its connection", Duration::from_secs(5), async || {
            ask(&clients[0]).await.filter(|connection| connection == "close")
        })
        .await;
        for last in join_all(clients[1..].iter().map(ask)).await {
            assert_eq!(last.as_deref(), Some("close"), "{}", unit.name());
        }
        assert_eq!(unit.ended().code(), Some(0), "{}: {}", unit.name(), unit.log());
    }
}
