//! What operators do with the messages that could not be processed, over HTTP.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::orders::contradiction;
use super::{metric, unique};
use crate::harness::{Answer, Api, Stack, eventually};

const DEAD_LETTERS: &str = "/api/operations/dead-letters";
const PATIENCE: Duration = Duration::from_secs(30);
const UNKNOWN: &str = "019a2f5e-7c1b-7d3a-9e4f-0123456789ab";

/// The dead letter of an order, once it is there.
async fn of_order(api: &Api, order_id: &str) -> Value {
    eventually("the conflict is among the dead letters", Duration::from_secs(30), async || {
        let list = api.get(&format!("{DEAD_LETTERS}?limit=100")).await;
        // Another command looks at them meanwhile.
        if list.status == 503 {
            return None;
        }
        let list = list.expect(200).json();
        assert!(list["seen"].as_u64() <= list["total"].as_u64(), "{list}");
        let letters = list["dead_letters"].as_array().expect("a list").clone();
        letters.into_iter().find(|letter| letter["order_id"] == order_id)
    })
    .await
}

/// The answer, once no other command holds the dead letters.
async fn when_free(send: impl AsyncFn() -> Answer) -> Answer {
    eventually("it is answered", Duration::from_secs(30), async || {
        let answer = send().await;
        (answer.status != 503).then_some(answer)
    })
    .await
}

pub async fn an_operator_looks_replays_and_discards(stack: &Stack) {
    let api = stack.api();
    let order_id = contradiction(&api, &unique("user"), |request| request).await;
    let letter = of_order(&api, &order_id).await;
    let path = format!("{DEAD_LETTERS}/{}", letter["id"].as_str().expect("it has an id"));
    let shown = when_free(async || api.get(&path).await).await.expect(200);
    assert_eq!(shown.json(), letter);
    assert_eq!(
        (letter["reason"].as_str(), shown.header("Cache-Control")),
        (Some("conflict"), Some("no-store"))
    );

    let replayed =
        when_free(async || api.post(&format!("{path}/replay"), &json!({})).await).await.expect(200);
    assert_eq!(replayed.json()["count"], 1);
    // It contradicts what is recorded still.
    assert_eq!(of_order(&api, &order_id).await["id"], letter["id"]);

    let discard = format!("{path}?reason=a%20%22mistake%22");
    let discarded = when_free(async || api.delete(&discard).await).await.expect(200);
    assert_eq!(discarded.json()["count"], 1);
    let journal = tokio::task::block_in_place(|| stack.recorder().command(&["dead-letters", "journal"]));
    let journal = String::from_utf8(journal.stdout).expect("it prints text");
    let mut lines = journal.lines().map(|line| serde_json::from_str::<Value>(line).expect("it prints JSON"));
    let kept = lines.find(|line| line["dead_letter"]["id"] == letter["id"]).expect("it is kept");
    assert_eq!((&kept["because"], &kept["dead_letter"]), (&json!("a \"mistake\""), &letter));
    for gone in [
        when_free(async || api.get(&path).await).await,
        when_free(async || api.post(&format!("{path}/replay"), &json!({})).await).await,
        when_free(async || api.delete(&discard).await).await,
    ] {
        assert_eq!(gone.expect(404).json()["code"], "not_found");
    }
}

/// Places orders of different amounts under one key at the same time; answers how many were accepted, and their id.
async fn flood(api: &Api, key: &str) -> (usize, String) {
    let send = |cents: u32| {
        let total = format!("{cents}.00");
        let order = json!({ "user_id": "20", "number_of_items": 1, "total_amount": total });
        Answer::of(
            api.request(Method::POST, "/api/billing").header("Idempotency-Key", key.to_owned()).json(&order),
        )
    };
    let answers = join_all((1..=100).map(send)).await;
    assert!(answers.iter().all(|answer| [200, 422].contains(&answer.status)), "{answers:?}");
    let accepted: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    let id = accepted[0].json()["order_id"].as_str().expect("an order id is text").to_owned();
    (accepted.len(), id)
}

pub async fn a_key_that_is_used_again_and_again_makes_one_dead_letter(stack: &Stack) {
    let api = stack.api();
    let outcomes = async || {
        let metrics = stack.recorder().management().get("/metrics").await.expect(200).body;
        ["recorded", "conflict", "further_conflict"].map(|outcome| {
            metric(&metrics, "orders_recorded_total", &[("outcome", outcome)]).expect("it is there")
        })
    };
    eventually("three orders and more come before one of them is recorded", PATIENCE, async || {
        let before = outcomes().await;
        let (accepted, id) = flood(&api, &unique("key")).await;
        let settled = eventually("all are settled", PATIENCE, async || {
            let now = outcomes().await;
            let settled = [0, 1, 2].map(|at| now[at] - before[at]);
            (settled.iter().sum::<f64>() >= f64::from(u32::try_from(accepted).ok()?)).then_some(settled)
        })
        .await;
        let [recorded, conflicts, further] = settled;
        assert!(recorded < 1.5 && conflicts < 1.5, "{settled:?}");
        if further < 0.5 {
            return None;
        }
        of_order(&api, &id).await;
        // Nothing else says whose those were.
        let log = stack.recorder().log();
        let of_it = |line: &&str| line.contains("once more") && line.contains(&id);
        let lines = log.lines().filter(of_it).count();
        assert_eq!(Some(lines), format!("{further:.0}").parse().ok(), "{log}");
        let list =
            when_free(async || api.get(&format!("{DEAD_LETTERS}?limit=100")).await).await.expect(200).json();
        let letters = list["dead_letters"].as_array().expect("a list").iter();
        assert_eq!(letters.filter(|letter| letter["order_id"] == *id).count(), 1, "{list}");
        Some(())
    })
    .await;
}

pub async fn what_is_no_order_of_an_operator_is_refused(stack: &Stack) {
    let api = stack.api();
    let path = format!("{DEAD_LETTERS}/{UNKNOWN}");
    for (method, path, body, field) in [
        (Method::GET, format!("{DEAD_LETTERS}?limit=0"), None, "limit"),
        (Method::GET, format!("{DEAD_LETTERS}?limit=101"), None, "limit"),
        (Method::GET, format!("{DEAD_LETTERS}?after=1"), None, "after"),
        (Method::GET, format!("{DEAD_LETTERS}/7"), None, "id"),
        (Method::DELETE, path.clone(), None, "reason"),
        (Method::DELETE, format!("{path}?reason=%20"), None, "reason"),
        (Method::DELETE, format!("{path}?reason=a%0ab"), None, "reason"),
        (Method::POST, format!("{DEAD_LETTERS}/replay"), Some(json!({ "reason": "none" })), "reason"),
        (Method::POST, format!("{DEAD_LETTERS}/replay"), Some(json!({ "reason": 7 })), "reason"),
    ] {
        let request = api.request(method, &path);
        let answer = Answer::of(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
        .expect(400);
        assert_eq!(
            (&answer.json()["code"], &answer.json()["field"]),
            (&"invalid".into(), &field.into()),
            "{path}"
        );
    }
    // A form of another site could send this: nothing is replayed without a body in JSON.
    for path in [format!("{DEAD_LETTERS}/replay"), format!("{path}/replay")] {
        let form =
            api.request(Method::POST, &path).header("Content-Type", "application/x-www-form-urlencoded");
        assert_eq!(Answer::of(form.body("a=b")).await.expect(415).json()["code"], "unsupported_media_type");
    }
}
