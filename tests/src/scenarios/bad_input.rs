//! What a client may get wrong: each is answered clearly, and changes nothing.

use reqwest::Method;
use serde_json::{Value, json};

use super::movies::add;
use super::protocol::refused;
use super::{column, unique};
use crate::harness::{Answer, Api, Stack};

/// Titles that are none, as JSON.
fn bad_titles() -> Vec<Value> {
    let long = "x".repeat(256);
    let mut titles: Vec<Value> = ["", " ", "\t\n\u{3000}", "a\0b", "a\nb", "\u{202e}", "\u{200b}", &long]
        .map(|title| json!(title))
        .into();
    let inside = ["a\u{2028}b", "a\u{202e}b", "a\u{2066}b\u{2069}"];
    let unseen = ["\u{fff9}", "\u{ffff}", "\u{e000}", "\u{378}", "\u{1d159}"];
    titles.extend(inside.iter().chain(&unseen).map(|title| json!(title)));
    titles.extend([json!("🎬".repeat(256)), json!(5), json!({}), json!([]), json!(true)]);
    titles
}

fn bad_descriptions() -> Vec<Value> {
    vec![json!("x".repeat(10_001)), json!("a\0b"), json!(5), json!({}), json!(["x"]), json!(false)]
}

async fn post_text(api: &Api, path: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = api.request(Method::POST, path).header("Content-Type", "application/json");
    Answer::of(request.body(body)).await
}

pub async fn bad_movies_are_refused_and_change_nothing(stack: &Stack) {
    let api = stack.api();
    let mut bodies: Vec<(Value, &str)> = Vec::new();
    for title in bad_titles().into_iter().chain([Value::Null]) {
        bodies.push((json!({"title": title, "description": "d"}), "title"));
    }
    for description in bad_descriptions().into_iter().chain([Value::Null]) {
        bodies.push((json!({"title": "t", "description": description}), "description"));
    }
    bodies.push((json!({}), "title"));
    bodies.push((json!({"description": "d"}), "title"));
    bodies.push((json!({"Title": "t", "description": "d"}), "title"));
    bodies.push((json!({"title": "t"}), "description"));
    for (body, field) in bodies {
        refused(&api.post("/api/movies", &body).await, 400, "invalid", Some(field));
    }
    // Not a whole character: a lone surrogate.
    let lone = post_text(&api, "/api/movies", r#"{"title":"\ud800","description":"d"}"#).await;
    assert!(lone.status == 400, "{}", lone.body);
    assert_eq!(api.get("/api/movies").await.expect(200).json(), json!([]));
}

pub async fn bad_changes_are_refused_and_change_nothing(stack: &Stack) {
    let api = stack.api();
    let movie = add(&api, "Solaris").await;
    let path = format!("/api/movies/{}", movie["id"]);
    for title in bad_titles() {
        refused(&api.put(&path, &json!({"title": title})).await, 400, "invalid", Some("title"));
        let both = json!({"title": title, "description": "changed"});
        refused(&api.put(&path, &both).await, 400, "invalid", Some("title"));
    }
    for description in bad_descriptions() {
        let change = json!({"title": "changed", "description": description});
        refused(&api.put(&path, &change).await, 400, "invalid", Some("description"));
    }
    for nothing in [json!({}), json!({"id": 7}), json!({"name": "x"}), json!({"title": null})] {
        refused(&api.put(&path, &nothing).await, 400, "invalid", Some("title"));
    }
    refused(&api.put(&path, &json!([])).await, 400, "unreadable", None);
    assert_eq!(api.get(&path).await.expect(200).json(), movie);
}

pub async fn bad_ids_are_refused(stack: &Stack) {
    let api = stack.api();
    add(&api, "Solaris").await;
    for id in ["abc", "0", "-1", "99999999999999999999", "1.0", "%2B1", "%00", "%EF%BC%91", "1%20"] {
        let path = format!("/api/movies/{id}");
        refused(&api.get(&path).await, 400, "invalid", Some("id"));
        refused(&api.put(&path, &json!({"title": "x"})).await, 400, "invalid", Some("id"));
        refused(&api.delete(&path).await, 400, "invalid", Some("id"));
    }
    refused(&api.get("/api/movies/9223372036854775807").await, 404, "not_found", None);
    for id in ["abc", "0", "019a2f5e7c1b7d3a9e4f0123456789ab", "019a2f5e-7c1b-7d3a-9e4f-0123456789ag"] {
        let path = format!("/api/billing/orders/{id}");
        refused(&api.get(&path).await, 400, "invalid", Some("order_id"));
    }
    assert_eq!(column(&api.get("/api/movies").await, "title"), ["Solaris"]);
}

pub async fn bad_queries_are_refused(stack: &Stack) {
    let api = stack.api();
    let long = "x".repeat(10 * 1024);
    let nul = "a%00b";
    for (query, field) in [
        (format!("title={long}"), "title"),
        (format!("title={}", "x".repeat(256)), "title"),
        (format!("title={nul}"), "title"),
        ("limit=0".into(), "limit"),
        ("limit=-1".into(), "limit"),
        ("limit=1001".into(), "limit"),
        ("limit=abc".into(), "limit"),
        ("limit=".into(), "limit"),
        ("limit=1&limit=2".into(), "limit"),
        ("after=abc".into(), "after"),
        ("after=0".into(), "after"),
        ("after=-1".into(), "after"),
    ] {
        refused(&api.get(&format!("/api/movies?{query}")).await, 400, "invalid", Some(field));
    }
    // A little longer than that, the address itself is too long.
    refused(&api.get(&format!("/api/movies?title={long}{long}")).await, 414, "too_large", None);
    let not_utf8 = api.get("/api/movies?title=%FF%FE").await;
    assert_eq!((not_utf8.status, &not_utf8.json()["code"]), (400, &json!("invalid")));
    let user = "user_id=20";
    for (query, field) in [
        (String::new(), "user_id"),
        ("user_id=".into(), "user_id"),
        (format!("user_id={}", "x".repeat(65)), "user_id"),
        (format!("{user}&limit=0"), "limit"),
        (format!("{user}&after=1"), "after"),
    ] {
        refused(&api.get(&format!("/api/billing/orders?{query}")).await, 400, "invalid", Some(field));
    }
    let order = "/api/billing/orders/019a2f5e-7c1b-7d3a-9e4f-0123456789ab";
    for wait in ["-1", "31", "abc", "", "1.5", "99999999999999999999"] {
        refused(&api.get(&format!("{order}?wait={wait}")).await, 400, "invalid", Some("wait"));
    }
    add(&api, "Solaris").await;
    for (method, path) in [
        (Method::GET, "/api/movies?titel=x"),
        (Method::GET, "/api/movies/1?titel=x"),
        (Method::DELETE, "/api/movies?titel=x"),
        (Method::DELETE, "/api/movies/1?titel=x"),
        (Method::GET, "/api/billing/orders?user_id=20&titel=x"),
        (Method::GET, "/api/billing/orders/019a2f5e-7c1b-7d3a-9e4f-0123456789ab?titel=x"),
    ] {
        let answer = Answer::of(api.request(method, path)).await;
        assert_eq!((answer.status, &answer.json()["code"]), (400, &json!("invalid")), "{path}");
        assert!(answer.json()["message"].as_str().unwrap().contains("titel"), "{}", answer.body);
    }
    assert_eq!(column(&api.get("/api/movies").await, "title"), ["Solaris"]);
}

pub async fn bad_orders_are_refused_and_nothing_is_recorded(stack: &Stack) {
    let api = stack.api();
    let user = unique("user");
    let cases: [(&str, &[&str]); 3] = [
        (
            "user_id",
            &["null", "\"\"", "\" \"", "true", "{}", "[]", "\"a\\u0000b\"", "20.5", "1e400", "1e-400"],
        ),
        (
            "number_of_items",
            &[
                "null",
                "0",
                "-1",
                "1.5",
                "1e-1",
                "1e7",
                "1E999999999",
                "\"1e3\"",
                "\"1.0\"",
                "\"\"",
                "\"many\"",
                "true",
                "{}",
                "1000001",
                "99999999999999999999",
                "\"99999999999999999999\"",
                "\"NaN\"",
            ],
        ),
        (
            "total_amount",
            &[
                "null",
                "-1",
                "\"-1\"",
                "-0.01",
                "1e-3",
                "1.005",
                "1e400",
                "1e-400",
                "1E999999999",
                "false",
                "\"1e3\"",
                "\"1,000.00\"",
                "\"NaN\"",
                "\"Infinity\"",
                "1.234",
                "\"1.234\"",
                "true",
                "[]",
                "\"\"",
                "\"1,50\"",
                "\"$5\"",
                "10000000000",
                "9999999999.999",
                "99999999999999999999",
                "\"99999999999999999999\"",
            ],
        ),
    ];
    for (field, values) in cases {
        for value in values {
            let text = |name: &str, good: &str| {
                format!("\"{name}\":{}", if name == field { (*value).to_owned() } else { good.to_owned() })
            };
            let fields = [
                text("user_id", &format!("\"{user}\"")),
                text("number_of_items", "1"),
                text("total_amount", "\"1.00\""),
            ];
            let answer = post_text(&api, "/api/billing", format!("{{{}}}", fields.join(","))).await;
            refused(&answer, 400, "invalid", Some(field));
        }
        let mut without = json!({"user_id": user, "number_of_items": 1, "total_amount": 1});
        without.as_object_mut().unwrap().remove(field);
        refused(&api.post("/api/billing", &without).await, 400, "invalid", Some(field));
    }
    let long = json!({"user_id": "x".repeat(65), "number_of_items": 1, "total_amount": 1});
    refused(&api.post("/api/billing", &long).await, 400, "invalid", Some("user_id"));
    let nan = r#"{"user_id":1,"number_of_items":1,"total_amount":NaN}"#;
    refused(&post_text(&api, "/api/billing", nan).await, 400, "unreadable", None);

    // What comes last is recorded alone.
    let good = json!({"user_id": user, "number_of_items": 1, "total_amount": 1});
    let id = super::orders::place(&api, &good, None).await;
    super::orders::recorded(&api, &id).await;
    let listed = api.get(&format!("/api/billing/orders?user_id={user}")).await;
    assert_eq!(column(&listed, "order_id"), [id]);
}

pub async fn bad_idempotency_keys_are_refused(stack: &Stack) {
    let api = stack.api();
    let user = unique("user");
    let order = json!({"user_id": user, "number_of_items": 1, "total_amount": 1});
    let (longest, too_long) = ("k".repeat(255), "k".repeat(300));
    for key in ["", "two words", "\"", "\"\"", "\"open", "\"two\"parts", &too_long] {
        let request = api.request(Method::POST, "/api/billing").header("Idempotency-Key", key).json(&order);
        refused(&Answer::of(request).await, 400, "invalid", Some("Idempotency-Key"));
    }
    let twice = api.request(Method::POST, "/api/billing").json(&order);
    let twice = twice.header("Idempotency-Key", "one").header("Idempotency-Key", "two");
    refused(&Answer::of(twice).await, 400, "invalid", Some("Idempotency-Key"));
    let id = super::orders::place(&api, &order, Some(&longest)).await;
    super::orders::recorded(&api, &id).await;
    let listed = api.get(&format!("/api/billing/orders?user_id={user}")).await;
    assert_eq!(column(&listed, "order_id"), [id]);
}

pub async fn broken_json_is_refused(stack: &Stack) {
    let api = stack.api();
    let deep = "[".repeat(10_000);
    for path in ["/api/movies", "/api/billing"] {
        for body in ["", " ", "{", "{\"title\":\"x\",}", "{'title':'x'}", "[]", "\"x\"", "null", "7", &deep] {
            refused(&post_text(&api, path, body.to_owned()).await, 400, "unreadable", None);
        }
        let not_utf8 = b"{\"title\":\"\xff\",\"description\":\"\"}".to_vec();
        refused(&post_text(&api, path, not_utf8).await, 400, "unreadable", None);
    }
    assert_eq!(api.get("/api/movies").await.expect(200).json(), json!([]));
}
