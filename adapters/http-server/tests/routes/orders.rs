use std::sync::Arc;
use std::time::Duration;

use keeper_domain::{Order, OrderDraft, OrderId, RecordedOrder, Slice, Timestamp};
use keeper_http_server::IntakeMetrics;
use keeper_http_server::{order_book, order_intake};
use keeper_ports::PortError;
use keeper_ports::billing::{MockOrderBook, MockOrderIntake, Submission};
use keeper_wire::OrderFields;
use prometheus::{Registry, TextEncoder};
use rocket::http::Method::Post;
use rocket::local::asynchronous::Client;
use serde_json::json;

use crate::client::{client, get, send, send_as};

const ID: &str = "019a2f5e-7c1b-7d3a-9e4f-0123456789ab";
const BODY: &str = r#"{"user_id":"20","number_of_items":99,"total_amount":"180.5"}"#;

fn order(draft: OrderDraft) -> Order {
    let id = OrderId::parse("order_id", ID).unwrap();
    Order { id, draft, created_at: Timestamp::from_millis(1_000).unwrap() }
}

fn recorded() -> RecordedOrder {
    let draft = OrderFields::parse(BODY.as_bytes()).unwrap();
    RecordedOrder { order: order(draft), recorded_at: Timestamp::from_millis(1_012).unwrap() }
}

async fn over(intake: MockOrderIntake) -> (Client, Registry) {
    let registry = Registry::new();
    let metrics = IntakeMetrics::register(&registry).unwrap();
    (client([order_intake(Arc::new(intake), metrics)]).await, registry)
}

fn metrics(registry: &Registry) -> String {
    TextEncoder::new().encode_to_string(&registry.gather()).unwrap()
}

#[rocket::async_test]
async fn an_accepted_order_is_answered_with_its_id_and_its_address() {
    let mut intake = MockOrderIntake::new();
    intake
        .expect_submit()
        .withf(|draft, key| draft.total.to_string() == "180.50" && key.as_ref().unwrap().as_str() == "k-1")
        .once()
        .returning(|draft, _| Ok(Submission::Accepted(order(draft))));
    let (client, registry) = over(intake).await;
    let json = "application/json; charset=utf-8";
    let answer = send_as(&client, Post, "/api/billing", BODY, json, &[("Idempotency-Key", "k-1")]).await;
    assert_eq!(
        (answer.status, answer.header("Location")),
        (200, Some(format!("/api/billing/orders/{ID}").as_str()))
    );
    assert_eq!(answer.body, json!({"message":"Order has been queued for processing","order_id":ID}));
    assert!(metrics(&registry).contains("orders_accepted_total 1"));
}

#[rocket::async_test]
async fn an_order_that_was_not_accepted_is_never_answered_with_200() {
    let mut intake = MockOrderIntake::new();
    intake.expect_submit().returning(|_, _| Err(PortError::unavailable("broker", "secret-host: no confirm")));
    let (client, registry) = over(intake).await;
    let answer = send(&client, Post, "/api/billing", BODY).await;
    answer.assert_error(503, "unavailable", None);
    assert!(answer.header("Retry-After").unwrap().parse::<u32>().unwrap() > 0);
    assert!(!answer.body.to_string().contains("secret-host"), "a cause is never shown");
    let metrics = metrics(&registry);
    assert!(metrics.contains("orders_refused_total{reason=\"unavailable\"} 1"), "{metrics}");
    assert!(metrics.contains("orders_accepted_total 0"), "{metrics}");
}

#[rocket::async_test]
async fn bad_orders_are_named_and_reach_nobody() {
    let (client, registry) = over(MockOrderIntake::new()).await;
    let body = |field: &str, value: &str| {
        let fields = [("user_id", "\"20\""), ("number_of_items", "1"), ("total_amount", "1")];
        let fields =
            fields.map(|(name, good)| format!("\"{name}\":{}", if name == field { value } else { good }));
        format!("{{{}}}", fields.join(","))
    };
    let mut refused = 0;
    for field in ["user_id", "number_of_items", "total_amount"] {
        for value in ["null", "true", "{}", "[]", "\"\"", "\" \""] {
            send(&client, Post, "/api/billing", &body(field, value)).await.assert_error(
                400,
                "invalid",
                Some(field),
            );
            refused += 1;
        }
    }
    for field in ["number_of_items", "total_amount"] {
        for value in ["-1", "1e-3", "\"NaN\"", "1.234", "99999999999999999999", "\"1,5\""] {
            send(&client, Post, "/api/billing", &body(field, value)).await.assert_error(
                400,
                "invalid",
                Some(field),
            );
            refused += 1;
        }
    }
    assert!(metrics(&registry).contains(&format!("orders_refused_total{{reason=\"invalid\"}} {refused}")));
    send(&client, Post, "/api/billing", &body("user_id", "NaN")).await.assert_error(400, "unreadable", None);
    for key in ["", &"k".repeat(300), "a b", "ключ"] {
        let answer =
            send_as(&client, Post, "/api/billing", BODY, "application/json", &[("Idempotency-Key", key)])
                .await;
        answer.assert_error(400, "invalid", Some("Idempotency-Key"));
    }
}

#[rocket::async_test]
async fn an_order_is_read_as_soon_as_it_is_recorded() {
    let mut book = MockOrderBook::new();
    book.expect_find().withf(|_, wait| *wait == Duration::ZERO).once().returning(|_, _| Ok(None));
    book.expect_find()
        .withf(|_, wait| *wait == Duration::from_secs(30))
        .once()
        .returning(|_, _| Ok(Some(recorded())));
    let client = client([order_book(Arc::new(book))]).await;
    get(&client, &format!("/api/billing/orders/{ID}")).await.assert_error(404, "not_found", None);
    let answer = get(&client, &format!("/api/billing/orders/{ID}?wait=30")).await;
    let expected = json!({
        "order_id": ID, "user_id": "20", "number_of_items": 99, "total_amount": "180.50", "status": "recorded",
        "createdAt": "1970-01-01T00:00:01.000Z", "recordedAt": "1970-01-01T00:00:01.012Z",
    });
    assert_eq!((answer.status, answer.body), (200, expected));
}

#[rocket::async_test]
async fn a_users_orders_come_in_pages() {
    let mut book = MockOrderBook::new();
    book.expect_list()
        .withf(|user, page| user.as_str() == "a b" && page.limit.get() == 1)
        .once()
        .returning(|_, _| Ok(Slice { items: vec![recorded()], more: true }));
    let client = client([order_book(Arc::new(book))]).await;
    let answer = get(&client, "/api/billing/orders?user_id=a%20b&limit=1").await;
    let next = format!("</api/billing/orders?user_id=a%20b&limit=1&after={ID}>; rel=\"next\"");
    assert_eq!((answer.status, answer.header("Link")), (200, Some(next.as_str())));
}

#[rocket::async_test]
async fn bad_questions_are_named() {
    let client = client([order_book(Arc::new(MockOrderBook::new()))]).await;
    for (uri, field) in [
        ("/api/billing/orders", "user_id"),
        ("/api/billing/orders?user_id=", "user_id"),
        ("/api/billing/orders?user_id=1&after=7", "after"),
        ("/api/billing/orders?user_id=1&status=x", "status"),
        ("/api/billing/orders/7", "order_id"),
        ("/api/billing/orders/019a2f5e7c1b7d3a9e4f0123456789ab", "order_id"),
        ("/api/billing/orders/019a2f5e-7c1b-7d3a-9e4f-0123456789ab?wait=31", "wait"),
        ("/api/billing/orders/019a2f5e-7c1b-7d3a-9e4f-0123456789ab?wait=-1", "wait"),
    ] {
        get(&client, uri).await.assert_error(400, "invalid", Some(field));
    }
}

#[rocket::async_test]
async fn a_key_that_names_another_order_is_refused() {
    let mut intake = MockOrderIntake::new();
    intake.expect_submit().once().returning(|_, _| Ok(Submission::KeyReused));
    let (client, registry) = over(intake).await;
    let headers = [("Idempotency-Key", "k-1")];
    send_as(&client, Post, "/api/billing", BODY, "application/json", &headers).await.assert_error(
        422,
        "key_reused",
        Some("Idempotency-Key"),
    );
    assert!(metrics(&registry).contains("orders_refused_total{reason=\"key_reused\"} 1"));
}
