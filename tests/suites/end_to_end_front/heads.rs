use std::time::Duration;

use keeper_tests::harness::until;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::client::{PATIENCE, Raw, get, guarded, metric, standalone};

const POST: &str = "POST /api/movies HTTP/1.1\r\nHost: front\r\nContent-Type: application/json\r\n";

#[tokio::test]
async fn a_head_that_is_wrong_is_answered_as_every_error_is() {
    let unit = standalone(&[]).await;
    let long = "x".repeat(40_000);
    let whole = "x".repeat(20_000);
    for (head, status, code) in [
        ("GET /api/movies HTTP/1.1\r\n\r\n".to_owned(), 400, "invalid"),
        ("GET /api/movies HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(), 400, "invalid"),
        ("GET /api/movies\u{7f} HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 400, "invalid"),
        ("nonsense\r\n\r\n".to_owned(), 400, "invalid"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 400, "invalid"),
        ("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n".to_owned(), 400, "invalid"),
        ("GET /api/movies HTTP/1.1\r\nHost: a b\r\n\r\n".to_owned(), 400, "invalid"),
        ("BREW /api/movies HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 405, "method_not_allowed"),
        ("get /api/movies HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 405, "method_not_allowed"),
        ("Delete /api/movies HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 405, "method_not_allowed"),
        ("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 405, "method_not_allowed"),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 405, "method_not_allowed"),
        // Whole heads, which hyper takes in one piece.
        (format!("GET /?title={whole} HTTP/1.1\r\nHost: a\r\n\r\n"), 414, "too_large"),
        (format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), 414, "too_large"),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nX-Long: {long}\r\n\r\n"), 431, "too_large"),
    ] {
        let mut client = Raw::to(&unit).await;
        client.send(&head[..head.len().min(32_768)]).await;
        client.answer().await.is_error(status, code);
        // Of what hyper refuses, not even the method is known.
        let method = match head.split(' ').next() {
            Some("GET") if head.contains("Host: a b") || head.starts_with("GET /api/movies HTTP") => "GET",
            Some("GET") if head.contains(&whole) && !head.contains(&long) => "GET",
            Some(known @ ("CONNECT" | "OPTIONS")) => known,
            _ => "none",
        };
        let series = format!("http_requests_total{{method=\"{method}\",route=\"none\",status=\"{status}\"}}");
        assert!(metric(&unit, &series).await.is_some_and(|count| count >= 1.0), "{series}");
    }
    // However much of it hyper takes at once.
    let mut client = Raw::to(&unit).await;
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nX-A: {whole}\r\nX-B: {whole}\r\n\r\n")).await;
    client.answer().await.is_error(431, "too_large");
    // HTTP/1.0 needs no host.
    let mut client = Raw::to(&unit).await;
    client.send("GET /api/movies HTTP/1.0\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 200);
    // An empty host is one, too.
    let mut client = Raw::to(&unit).await;
    client.send("GET /api/movies HTTP/1.1\r\nHost:\r\n\r\n").await;
    assert_eq!(client.answer().await.status, 200);
    let written = unit.log();
    let requests: Vec<_> = written.lines().filter(|line| line.contains("\"message\":\"request\"")).collect();
    assert!(requests.len() > 10, "{written}");
    for line in requests {
        assert!(line.contains("\"client\":\"127.0.0.1\"") && line.len() < 2_000, "{line}");
    }
}

#[tokio::test]
async fn a_key_that_is_not_text_is_refused() {
    let unit = standalone(&[]).await;
    let body = r#"{"user_id":"20","number_of_items":"99","total_amount":"250"}"#;
    let mut client = Raw::to(&unit).await;
    client
        .send(
            [
                b"POST /api/billing HTTP/1.1\r\nHost: front\r\nContent-Type: application/json\r\n",
                &b"Idempotency-Key: a\xffb\r\n"[..],
                format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes(),
            ]
            .concat(),
        )
        .await;
    client.answer().await.is_error(400, "invalid");
}

#[tokio::test]
async fn credentials_that_are_not_text_are_refused_and_audited() {
    let unit = guarded(&[]).await;
    for (line, status, code) in [
        (&b"Authorization: Bearer a\xff"[..], 400, "invalid"),
        (b"X-Api-Key: \xff", 400, "invalid"),
        (b"Authorization: \xff", 401, "unauthenticated"),
    ] {
        let mut client = Raw::to(&unit).await;
        let head = [b"GET /api/movies HTTP/1.1\r\nHost: front\r\n", line, b"\r\n\r\n"].concat();
        client.send(head).await;
        client.answer().await.is_error(status, code);
    }
    let refused = |line: &&str| line.contains("\"audit\"") && line.contains("not understood");
    until("each is audited", PATIENCE, || (unit.log().lines().filter(refused).count() == 3).then_some(()));
}

#[tokio::test]
async fn half_a_head_is_closed_in_time() {
    let unit = standalone(&[("KEEPER_HTTP__HEADER_TIMEOUT_MS", "500")]).await;
    let mut silent = Raw::to(&unit).await;
    let mut fresh = Raw::to(&unit).await;
    fresh.send("GET /api/mov").await;
    let mut used = Raw::to(&unit).await;
    used.send(get("/api/movies")).await;
    assert_eq!(used.answer().await.status, 200);
    used.send("GET /").await;
    assert!(fresh.ends_within(Duration::from_secs(10)).await);
    assert!(used.ends_within(Duration::from_secs(10)).await);
    // One that has said nothing is idle, and is kept as a load balancer keeps it.
    assert!(!silent.ends_within(Duration::from_secs(1)).await);
}

#[tokio::test]
async fn half_a_body_is_answered_in_time() {
    let unit = standalone(&[("KEEPER_HTTP__BODY_TIMEOUT_MS", "500")]).await;
    for rest in ["Content-Length: 40\r\n\r\n{\"ti", "Transfer-Encoding: chunked\r\n\r\n4\r\n{\"ti\r\n"] {
        let mut client = Raw::to(&unit).await;
        client.send(format!("{POST}{rest}")).await;
        client.answer().await.is_error(408, "slow_request");
        assert!(client.ends_within(PATIENCE).await);
    }
}

#[tokio::test]
async fn a_chunked_body_without_its_end_is_refused() {
    let unit = standalone(&[]).await;
    let movie = unit.api().post("/api/movies", &json!({ "title": "before", "description": "" })).await;
    assert_eq!(movie.status, 201, "{}", movie.body);
    let path = format!("/api/movies/{}", movie.json()["id"]);
    // A body that is valid as far as it came, and so short that Rocket looks at all of it for a form's method.
    let body = r#"{"title":"a"}"#;
    let mut client = Raw::to(&unit).await;
    client
        .send(format!(
            "PUT {path} HTTP/1.1\r\nHost: front\r\nContent-Type: application/json\r\n\
             Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n",
            body.len()
        ))
        .await;
    client.0.shutdown().await.expect("it can be shut down");
    assert!(client.ends_within(PATIENCE).await);
    assert_eq!(unit.api().get(&path).await.json()["title"], "before");
}

#[tokio::test]
async fn what_is_too_large_always_gets_its_answer() {
    let unit = standalone(&[]).await;
    for _ in 0..20 {
        let mut client = Raw::to(&unit).await;
        client.send(format!("{POST}Content-Length: 10000000\r\n\r\n")).await;
        client.send(vec![b' '; 10_000_000]).await;
        client.answer().await.is_error(413, "too_large");
    }
    let mut client = Raw::to(&unit).await;
    client.send(format!("{POST}Transfer-Encoding: chunked\r\n\r\n")).await;
    for _ in 0..1000 {
        client.send([b"2710\r\n", &[b' '; 10_000][..], b"\r\n"].concat()).await;
    }
    client.send("0\r\n\r\n").await;
    client.answer().await.is_error(413, "too_large");
}

#[tokio::test]
async fn a_body_is_taken_in_the_codings_that_it_says() {
    let unit = standalone(&[]).await;
    let body = r#"{"title":"a","description":"b"}"#;
    // The chunks are undone; no other coding is.
    for coding in ["gzip, chunked", "gzip\r\nTransfer-Encoding: chunked", "deflate,chunked"] {
        let mut client = Raw::to(&unit).await;
        let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        client.send(format!("{POST}Transfer-Encoding: {coding}\r\n\r\n{chunk}")).await;
        client.answer().await.is_error(400, "invalid");
        assert!(client.ends_within(PATIENCE).await);
    }
    let utf16: Vec<u8> = body.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [b"\xff\xfe", &utf16[..]].concat();
    for wrong in [&b"\x1f\x8b\x08\0\0"[..], b"\x28\xb5\x2f\xfd\x04", b"\x78\x9c\xab", &utf16, &marked] {
        let mut client = Raw::to(&unit).await;
        let head = format!("{POST}Content-Length: {}\r\n\r\n", wrong.len());
        client.send([head.as_bytes(), wrong].concat()).await;
        let told = client.answer().await;
        told.is_error(415, "unsupported_media_type");
        assert!(!told.head.contains("connection: close"), "{}", told.head);
    }
    // Empty parameters count as none.
    let mut client = Raw::to(&unit).await;
    for kind in ["application/json;", "application/json; charset=utf-8;", "application/json ; "] {
        let post = POST.replace("application/json", kind);
        client.send(format!("{post}Content-Length: {}\r\n\r\n{body}", body.len())).await;
        assert_eq!(client.answer().await.status, 201, "{kind}");
    }
}
