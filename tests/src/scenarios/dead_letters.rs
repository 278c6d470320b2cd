//! What operators do with the messages that could not be processed, over HTTP.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::orders::contradiction;
use super::unique;
use crate::harness::{Answer, Api, Stack, eventually};

const DEAD_LETTERS: &str = "/api/operations/dead-letters";
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
