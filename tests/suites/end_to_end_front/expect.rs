//! Clients that ask before they send a body (`Expect: 100-continue`).

use std::time::Duration;

use keeper_tests::harness::{Unit, eventually};

use super::client::{PATIENCE, Raw, get, metric, standalone};

const MOVIE: &str = r#"{"title":"a","description":"b"}"#;

/// A head that asks, for a body of this length.
fn asking(line: &str, headers: &str, length: usize) -> String {
    let kind = if headers.contains("Content-Type") { "" } else { "Content-Type: application/json\r\n" };
    format!(
        "{line} HTTP/1.1\r\nHost: front\r\n{kind}{headers}Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
    )
}

/// Asks, and is refused without a word to go on.
async fn refused(unit: &Unit, head: &str, status: u16, code: &str) {
    let mut client = Raw::to(unit).await;
    client.send(head).await;
    let told = client.answer().await;
    told.is_error(status, code);
    assert!(told.head.contains("connection: close"), "{head}{}", told.head);
    assert!(client.ends_within(PATIENCE).await, "{head}");
}

#[tokio::test]
async fn who_asks_first_is_refused_at_once() {
    let unit = standalone(&[]).await;
    for (line, headers, length, status, code) in [
        ("POST /nowhere", "", 60_000, 404, "not_found"),
        ("PATCH /api/movies", "", 60_000, 405, "method_not_allowed"),
        ("BREW /api/movies", "", 60_000, 405, "method_not_allowed"),
        ("PUT /api/movies/x", "", 60_000, 400, "invalid"),
        ("POST /api/movies?x=1", "", 60_000, 400, "invalid"),
        ("POST /api/billing", "Idempotency-Key: a b\r\n", 60_000, 400, "invalid"),
        ("PUT /api/movies/1", "If-Match: x\r\n", 60_000, 400, "invalid"),
        ("POST /api/movies", "", 10_000_000, 413, "too_large"),
        ("POST /api/movies", "Content-Encoding: gzip\r\n", 20, 415, "unsupported_media_type"),
        ("POST /api/movies", "Content-Encoding: br\r\n", 60_000, 415, "unsupported_media_type"),
        ("POST /api/billing", "Content-Type: text/plain\r\n", 20, 415, "unsupported_media_type"),
    ] {
        refused(&unit, &asking(line, headers, length), status, code).await;
    }
    let chunked = asking("POST /api/billing", "Content-Type: text/plain\r\n", 1);
    let chunked = chunked.replace("Content-Length: 1", "Transfer-Encoding: chunked");
    refused(&unit, &chunked, 415, "unsupported_media_type").await;
    assert_eq!(metric(&unit, "http_in_flight").await, Some(0.0));
    // They are logged and counted as others are.
    let series = "http_requests_total{method=\"POST\",route=\"/api/movies\",status=\"413\"}";
    assert_eq!(metric(&unit, series).await, Some(1.0));
}

#[tokio::test]
async fn who_is_not_known_is_refused_before_the_body() {
    let unit = Unit::new("standalone", [("KEEPER_AUTH__MODE".to_owned(), "required".to_owned())]);
    let unit = unit.with("KEEPER_AUTH__KEYS_FILE", "keys.toml");
    std::fs::write(unit.folder().join("keys.toml"), "keys = []").expect("it is written");
    unit.start();
    unit.ready().await;
    refused(&unit, &asking("POST /api/billing", "", 60_000), 401, "unauthenticated").await;
}

#[tokio::test]
async fn who_asks_and_is_not_refused_is_told_to_go_on() {
    let unit = standalone(&[]).await;
    let mut client = Raw::to(&unit).await;
    for _ in 0..2 {
        client.send(asking("POST /api/movies", "", MOVIE.len())).await;
        assert_eq!(client.answer().await.status, 100);
        client.send(MOVIE).await;
        let told = client.answer().await;
        assert_eq!(told.status, 201, "{}", told.body);
        assert!(!told.head.contains("connection: close"), "{}", told.head);
    }
    // What only the body tells is told after it.
    client.send(asking("POST /api/movies", "", 2)).await;
    assert_eq!(client.answer().await.status, 100);
    client.send("{}").await;
    client.answer().await.is_error(400, "invalid");
    client.send(get("/api/movies")).await;
    assert_eq!(client.answer().await.status, 200);
    // HTTP/1.0 knows no such word.
    let mut client = Raw::to(&unit).await;
    client.send(asking("POST /api/movies", "", MOVIE.len()).replace("HTTP/1.1", "HTTP/1.0")).await;
    client.send(MOVIE).await;
    assert_eq!(client.answer().await.status, 201);
}

#[tokio::test]
async fn who_may_go_on_and_does_not_holds_nobody_up() {
    let settings = [("MAX_IN_FLIGHT", "1"), ("BODY_TIMEOUT_MS", "3000"), ("REQUEST_TIMEOUT_MS", "500")];
    let settings = settings.map(|(name, value)| (format!("KEEPER_HTTP__{name}"), value));
    let unit = standalone(&settings.each_ref().map(|(name, value)| (name.as_str(), *value))).await;
    let (mut silent, mut slow, mut other) =
        (Raw::to(&unit).await, Raw::to(&unit).await, Raw::to(&unit).await);
    for client in [&mut silent, &mut slow] {
        client.send(asking("POST /api/movies", "", MOVIE.len())).await;
        assert_eq!(client.answer().await.status, 100);
    }
    other.send(get("/api/movies")).await;
    assert_eq!(other.answer().await.status, 200);
    // The time of a request is ours alone: a client may take longer for its body.
    tokio::time::sleep(Duration::from_secs(1)).await;
    slow.send(MOVIE).await;
    assert_eq!(slow.answer().await.status, 201);
    silent.answer().await.is_error(408, "slow_request");
    assert!(silent.ends_within(PATIENCE).await);
    eventually("no place is taken", PATIENCE, async || {
        (metric(&unit, "http_in_flight").await == Some(0.0)).then_some(())
    })
    .await;
}
