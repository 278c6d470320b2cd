//! Orders, from the client's side.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::protocol::refused;
use super::{column, encoded, metric, next_page, unique};
use crate::harness::{Answer, Api, Stack, eventually};

const UNKNOWN: &str = "019a2f5e-7c1b-7d3a-9e4f-0123456789ab";

fn order(user: &str) -> Value {
    json!({"user_id": user, "number_of_items": "99", "total_amount": "250.00"})
}

/// Places an order and answers its id.
pub(crate) async fn place(api: &Api, order: &Value, key: Option<&str>) -> String {
    let mut request = api.request(Method::POST, "/api/billing").json(order);
    if let Some(key) = key {
        request = request.header("Idempotency-Key", key);
    }
    placed(request).await
}

/// Sends an order and answers its id.
async fn placed(request: RequestBuilder) -> String {
    let answer = Answer::of(request).await.expect(200);
    let body = answer.json();
    let id = body["order_id"].as_str().expect("an order id is text").to_owned();
    assert_eq!(body, json!({"message": "Order has been queued for processing", "order_id": id}));
    assert_eq!(answer.header("Location"), Some(format!("/api/billing/orders/{id}").as_str()));
    id
}

/// Reads an order, waiting for it.
pub(crate) async fn recorded(api: &Api, id: &str) -> Value {
    api.get(&format!("/api/billing/orders/{id}?wait=30")).await.expect(200).json()
}

pub async fn an_order_is_read_back_as_recorded(stack: &Stack) {
    let api = stack.api();
    let user = unique("user");
    let id = place(&api, &order(&user), None).await;
    let read = recorded(&api, &id).await;
    let (created, at) = (read["createdAt"].clone(), read["recordedAt"].clone());
    let expected = json!({
        "order_id": id, "user_id": user, "number_of_items": 99, "total_amount": "250.00", "status": "recorded",
        "createdAt": created, "recordedAt": at,
    });
    assert_eq!(read, expected);
    assert!(created.as_str().is_some_and(|time| time.ends_with('Z') && time.len() == 24), "{created}");
    assert!(at.as_str() >= created.as_str(), "{read}");
    assert_eq!(api.get(&format!("/api/billing/orders/{id}")).await.expect(200).json(), read);
    // Another order is another id.
    assert_ne!(place(&api, &order(&user), None).await, id);
}

pub async fn fields_may_be_text_or_numbers(stack: &Stack) {
    let api = stack.api();
    for (body, user, items, total) in [
        (r#"{"user_id":"20","number_of_items":"99","total_amount":"180"}"#, "20", 99, "180.00"),
        (r#"{"user_id":20,"number_of_items":99,"total_amount":180}"#, "20", 99, "180.00"),
        (r#"{"user_id":"a b","number_of_items":1,"total_amount":180.5}"#, "a b", 1, "180.50"),
        (r#"{"user_id":"ü","number_of_items":1000000,"total_amount":"0.07"}"#, "ü", 1_000_000, "0.07"),
        (r#"{"user_id":1,"number_of_items":1,"total_amount":9999999999.99}"#, "1", 1, "9999999999.99"),
        (r#"{"user_id":1,"number_of_items":1,"total_amount":0,"more":null}"#, "1", 1, "0.00"),
        (r#"{"user_id":20.0,"number_of_items":99.0,"total_amount":250.000}"#, "20", 99, "250.00"),
        (r#"{"user_id":2E1,"number_of_items":9.9e1,"total_amount":2.5E+2}"#, "20", 99, "250.00"),
        (r#"{"user_id":-0,"number_of_items":1000e-3,"total_amount":0.0e5}"#, "0", 1, "0.00"),
    ] {
        // As it is written: a library would write the numbers its own way.
        let request = api.request(Method::POST, "/api/billing").header("Content-Type", "application/json");
        let read = recorded(&api, &placed(request.body(body)).await).await;
        assert_eq!(
            (&read["user_id"], &read["number_of_items"], &read["total_amount"]),
            (&json!(user), &json!(items), &json!(total)),
        );
    }
}

pub async fn a_key_is_one_order_however_often_it_is_sent(stack: &Stack) {
    let api = stack.api();
    let (user, key) = (unique("user"), unique("key"));
    let (body, written_otherwise) =
        (order(&user), json!({"user_id": user, "number_of_items": 99, "total_amount": 250}));
    let first = place(&api, &body, Some(&key)).await;
    let again = join_all((0..20).map(|_| place(&api, &written_otherwise, Some(&key)))).await;
    assert!(again.iter().all(|id| *id == first), "{again:?}");
    // A later order of the same queue is recorded after the repeats have been seen.
    let last = place(&api, &body, None).await;
    let read = recorded(&api, &first).await;
    recorded(&api, &last).await;
    let listed = api.get(&format!("/api/billing/orders?user_id={user}")).await.expect(200);
    assert_eq!(column(&listed, "order_id"), [first.as_str(), last.as_str()]);
    assert_eq!(recorded(&api, &first).await, read);
    assert_eq!(
        place(&api, &body, Some(&format!("\"{key}\""))).await,
        first,
        "the draft's quotes are no part of it"
    );
    let stranger = unique("user");
    assert_ne!(place(&api, &order(&stranger), Some(&key)).await, first);
}

pub async fn a_key_that_names_another_order_is_refused(stack: &Stack) {
    let api = stack.api();
    let (user, key) = (unique("user"), unique("key"));
    let id = place(&api, &order(&user), Some(&key)).await;
    let first = recorded(&api, &id).await;
    let other = json!({"user_id": user, "number_of_items": 1, "total_amount": "1.00"});
    for key in [key.clone(), format!("\"{key}\"")] {
        // On a machine that is busy a look may take too long, and the order is not held up for it.
        let answer = eventually("the key is looked up in time", Duration::from_secs(30), async || {
            let request = api.request(Method::POST, "/api/billing").header("Idempotency-Key", &key);
            Some(Answer::of(request.json(&other)).await).filter(|answer| answer.status != 200)
        });
        refused(&answer.await, 422, "key_reused", Some("Idempotency-Key"));
    }
    assert_eq!(place(&api, &order(&user), Some(&key)).await, id, "the same content is the same order");
    assert_eq!(recorded(&api, &id).await, first);
}

/// Places two orders under one key at the same time, so that neither is known when the other one comes, and answers their id.
/// Each request goes out as `dress` makes it.
pub(super) async fn contradiction(
    api: &Api,
    user: &str,
    dress: impl Fn(RequestBuilder) -> RequestBuilder,
) -> String {
    for _ in 0..50 {
        let key = unique("key");
        let send = |total: &str| {
            let order = json!({"user_id": user, "number_of_items": 1, "total_amount": total});
            let request = api.request(Method::POST, "/api/billing").json(&order);
            Answer::of(dress(request.header("Idempotency-Key", &key)))
        };
        let answers = join_all([send("1.00"), send("2.00")]).await;
        if answers.iter().all(|answer| answer.status == 200) {
            return answers[0].json()["order_id"].as_str().expect("an order id is text").to_owned();
        }
        // One of them was recorded before the other one came.
        assert!(answers.iter().all(|answer| [200, 422].contains(&answer.status)), "{answers:?}");
    }
    panic!("no two orders came at the same time");
}

pub async fn other_content_under_the_same_key_goes_to_the_dead_letters(stack: &Stack) {
    let api = stack.api();
    let user = unique("user");
    let conflicts = async || {
        let metrics = stack.recorder().management().get("/metrics").await.expect(200);
        metric(&metrics.body, "orders_dead_lettered_total", &[("reason", "conflict")]).expect("it is there")
    };
    let before = conflicts().await;
    let request_id = unique("conflict");
    let id = contradiction(&api, &user, |request| request.header("X-Request-Id", &request_id)).await;
    let first = recorded(&api, &id).await;
    eventually("the conflict is seen", Duration::from_secs(30), async || {
        (conflicts().await > before).then_some(())
    })
    .await;
    assert_eq!(recorded(&api, &id).await, first);
    let log = stack.recorder().log();
    let told = |line: &str| line.contains("to the dead letters") && line.contains(&request_id);
    assert!(log.lines().any(told), "{log}");
}

pub async fn what_an_operator_discards_is_kept(stack: &Stack) {
    let api = stack.api();
    let order_id = contradiction(&api, &unique("user"), |request| request).await;
    let run = async |arguments: &[&str]| {
        let output = tokio::task::block_in_place(|| stack.recorder().command(arguments));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        (String::from_utf8(output.stdout).expect("it prints text"), said)
    };
    let operator = async |arguments: &[&str]| run(arguments).await.0;
    // What a command changes is audited as it is over HTTP.
    let audited = async |arguments: &[&str], action: &str, reason: &str| {
        let said = run(arguments).await.1;
        let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let line = lines.filter(|line| line["target"] == "audit").collect::<Vec<_>>();
        let [line] = &line[..] else { panic!("{arguments:?}: {said}") };
        assert_eq!(
            (&line["action"], &line["outcome"], &line["count"]),
            (&json!(action), &json!("done"), &json!(1))
        );
        assert_eq!((&line["reason"], &line["via"]), (&json!(reason), &json!("command")));
        assert!(line["caller"].as_str().is_some_and(|caller| caller.starts_with("uid ")), "{line}");
        assert_eq!(line["object"], arguments[2]);
    };
    let letter = async || {
        let list = operator(&["dead-letters", "list", "--json", "--limit", "1000"]).await;
        let list: Vec<Value> = serde_json::from_str(&list).expect("it prints JSON");
        list.into_iter().find(|letter| letter["order_id"] == order_id.as_str())
    };
    let letter_there =
        eventually("the conflict is among the dead letters", Duration::from_secs(30), letter).await;
    let id = letter_there["id"].as_str().expect("it has an id");
    audited(&["dead-letters", "replay", id], "dead letters replayed", "").await;
    // It contradicts what is recorded still.
    eventually("it is there again", Duration::from_secs(30), letter).await;
    let discard = ["dead-letters", "discard", id, "--reason", "a \"mistake\""];
    audited(&discard, "dead letter discarded", "a \"mistake\"").await;
    assert_eq!(letter().await, None);
    let journal = operator(&["dead-letters", "journal"]).await;
    let mut lines = journal.lines().map(|line| serde_json::from_str::<Value>(line).expect("it prints JSON"));
    let kept = lines.find(|line| line["dead_letter"]["id"] == id).expect("it is kept");
    assert_eq!((&kept["because"], &kept["dead_letter"]), (&json!("a \"mistake\""), &letter_there));
}

pub async fn a_users_orders_are_listed_in_pages(stack: &Stack) {
    let api = stack.api();
    let user = unique("user & co");
    let mut placed = Vec::new();
    for _ in 0..5 {
        let id = place(&api, &order(&user), None).await;
        recorded(&api, &id).await;
        placed.push(json!(id));
    }
    let user_id = encoded(&user);
    let mut found = Vec::new();
    let mut page = Some(format!("/api/billing/orders?user_id={user_id}&limit=2"));
    while let Some(path) = page {
        let answer = api.get(&path).await.expect(200);
        assert!(column(&answer, "user_id").iter().all(|is| *is == user.as_str()));
        found.extend(column(&answer, "order_id"));
        page = next_page(&answer);
    }
    assert_eq!(found, placed);
    let none = api.get(&format!("/api/billing/orders?user_id={}", unique("nobody"))).await.expect(200);
    assert_eq!(none.json(), json!([]));
    let none = api.get(&format!("/api/billing/orders?user_id={user_id}&after={UNKNOWN}")).await.expect(200);
    assert_eq!(none.json(), json!([]));
}

pub async fn an_order_that_is_not_recorded_is_not_found(stack: &Stack) {
    let answer = stack.api().get(&format!("/api/billing/orders/{UNKNOWN}")).await.expect(404);
    assert_eq!(answer.json()["code"], "not_found");
}

pub async fn a_wait_ends_when_its_time_is_over(stack: &Stack) {
    let start = Instant::now();
    let answer = stack.api().get(&format!("/api/billing/orders/{UNKNOWN}?wait=1")).await.expect(404);
    assert_eq!(answer.json()["code"], "not_found");
    let took = start.elapsed();
    assert!((Duration::from_millis(950)..Duration::from_secs(5)).contains(&took), "{took:?}");
}
