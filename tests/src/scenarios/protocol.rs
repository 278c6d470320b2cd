//! What holds for every request: ids, errors, methods, content types, sizes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::Method;
use serde_json::{Value, json};

use super::unique;
use crate::harness::{Answer, Stack};

/// Fails unless this is an error as all errors are.
#[track_caller]
pub fn refused(answer: &Answer, status: u16, code: &str, field: Option<&str>) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.header("Content-Type"), Some("application/json"), "{}", answer.body);
    let body = answer.json();
    let request_id = answer.header("X-Request-Id").expect("every answer has a request id");
    let mut expected = json!({"message": body["message"], "code": code, "request_id": request_id});
    if let Some(field) = field {
        expected["field"] = json!(field);
    }
    assert_eq!(body, expected);
    assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
}

/// Sends bytes to the API's port and reads the answer; the server may close before it has read everything.
fn raw(stack: &Stack, head: &str, body: impl IntoIterator<Item = Vec<u8>>) -> (u16, String) {
    let url = stack.front().url();
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("it can be set");
    let mut reader = stream.try_clone().expect("a socket can be cloned");
    let answer = std::thread::spawn(move || {
        let mut answer = Vec::new();
        // A reset after the answer is no matter: it was read until there.
        let _ = reader.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    });
    let chunks = std::iter::once(head.replace('\n', "\r\n").into_bytes()).chain(body);
    for chunk in chunks {
        if stream.write_all(&chunk).is_err() {
            break;
        }
    }
    let answer = answer.join().expect("the reader ends");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
    (status, body)
}

pub async fn a_request_id_is_taken_if_sane_and_made_otherwise(stack: &Stack) {
    let api = stack.api();
    let ask = async |id: &str| {
        let request = api.request(Method::GET, "/api/movies?limit=1").header("X-Request-Id", id);
        Answer::of(request).await.expect(200).header("X-Request-Id").expect("it is answered").to_owned()
    };
    let id = unique("req_7.a");
    assert_eq!(ask(&id).await, id);
    let longest = "x".repeat(128);
    assert_eq!(ask(&longest).await, longest);
    for bad in ["", "two words", "a\"b", "<script>", &"x".repeat(129)] {
        let made = ask(bad).await;
        assert!(made != bad && (8..=128).contains(&made.len()), "{made}");
    }
    let without = api.get("/api/movies?limit=1").await;
    let (one, other) = (without.header("X-Request-Id"), api.get("/api/movies?limit=1").await);
    assert!(one.is_some() && one != other.header("X-Request-Id"));
    // An error has it too, and a request passes it on to the next process.
    let request = api.request(Method::GET, "/api/movies/9223372036854775807").header("X-Request-Id", &id);
    refused(&Answer::of(request).await, 404, "not_found", None);
    if let Some(inventory) = stack.units().iter().find(|unit| unit.name() == "inventory") {
        assert!(inventory.log().contains(&id), "inventory does not log the gateway's request id");
    }
}

pub async fn unknown_routes_are_not_found(stack: &Stack) {
    let api = stack.api();
    for path in
        ["/api", "/api/nothing", "/api/movies/1/cast", "/api/billing/orders/1/2", "/metrics", "/health/live"]
    {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let answer = Answer::of(api.request(method, path).json(&json!({}))).await;
            refused(&answer, 404, "not_found", None);
        }
    }
}

pub async fn wrong_methods_are_told_the_right_ones(stack: &Stack) {
    let api = stack.api();
    for (method, path, right) in [
        (Method::PATCH, "/api/movies", &["GET", "POST", "DELETE"][..]),
        (Method::PUT, "/api/movies", &["GET", "POST", "DELETE"]),
        (Method::POST, "/api/movies/1", &["GET", "PUT", "DELETE"]),
        (Method::GET, "/api/billing", &["POST"]),
        (Method::DELETE, "/api/billing", &["POST"]),
        (Method::POST, "/api/billing/orders", &["GET"]),
        (Method::DELETE, "/api/billing/orders/019a2f5e-7c1b-7d3a-9e4f-0123456789ab", &["GET"]),
        (Method::POST, "/api-docs", &["GET"]),
    ] {
        let answer = Answer::of(api.request(method.clone(), path).json(&json!({"title": "x"}))).await;
        refused(&answer, 405, "method_not_allowed", None);
        let allow = answer.header("Allow").expect("it says which methods there are");
        for method in right {
            assert!(allow.split(", ").any(|allowed| allowed == *method), "{path}: {allow}");
        }
        assert_eq!(allow.contains("HEAD"), right.contains(&"GET"), "{path}: {allow}");
        assert!(!allow.contains(method.as_str()), "{path}: {allow}");
    }
    let (status, body) = raw(stack, "BREW /api/movies HTTP/1.1\nHost: x\nConnection: close\n\n", []);
    assert!((400..500).contains(&status) || status == 501, "{status} {body}");
    let id = unique("head");
    let head = api.request(Method::HEAD, "/api/movies?limit=1").header("X-Request-Id", &id);
    assert_eq!(Answer::of(head).await.expect(200).body, "");
    let log = stack.front().log();
    let line = log.lines().find(|line| line.contains(&id)).expect("it is logged");
    assert!(line.contains(r#""method":"HEAD""#), "{line}");
}

pub async fn a_body_must_be_json_and_say_so(stack: &Stack) {
    let api = stack.api();
    let title = unique("Typed");
    let body = json!({"title": title, "description": ""}).to_string();
    let send = async |content_type: Option<&str>| {
        let mut request = api.request(Method::POST, "/api/movies").body(body.clone());
        if let Some(content_type) = content_type {
            request = request.header("Content-Type", content_type);
        }
        Answer::of(request).await
    };
    for wrong in [
        None,
        Some("application/x-www-form-urlencoded"),
        Some("text/plain"),
        Some("multipart/form-data; boundary=x"),
        Some("application/xml"),
        Some("json"),
        Some(""),
        Some("application/jsonp"),
        Some("text/x+json"),
        Some("application/json; charset=iso-8859-1"),
        Some("application/json; charset=\"utf-16\""),
        Some("application/json; charset=utf-8; charset=latin1"),
    ] {
        refused(&send(wrong).await, 415, "unsupported_media_type", None);
    }
    let order = api.request(Method::POST, "/api/billing").body("user_id=1&number_of_items=1&total_amount=1");
    let order = order.header("Content-Type", "application/x-www-form-urlencoded");
    refused(&Answer::of(order).await, 415, "unsupported_media_type", None);
    assert_eq!(api.get(&format!("/api/movies?title={title}")).await.json(), json!([]));
    for right in [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/json;charset=\"UTF-8\"",
        "application/json; profile=x; charset=utf8",
        "application/vnd.movie+json",
        "application/merge-patch+JSON; charset=utf-8",
    ] {
        let _ = send(Some(right)).await.expect(201);
    }
}

pub async fn a_body_is_text_as_it_is(stack: &Stack) {
    let api = stack.api();
    let title = unique("Coded");
    let body = json!({"title": title, "description": ""}).to_string();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(body.as_bytes()).expect("it is compressed");
    let gzip = gzip.finish().expect("it is compressed");
    let send = async |coding: &str, body: Vec<u8>| {
        let request = api.request(Method::POST, "/api/movies").header("Content-Type", "application/json");
        Answer::of(request.header("Content-Encoding", coding).body(body)).await
    };
    // Labelled and compressed, and only labelled.
    for body in [gzip, body.clone().into_bytes()] {
        for coding in ["gzip", "GZIP", "x-gzip", "deflate", "br", "identity, gzip", "aes"] {
            let answer = send(coding, body.clone()).await;
            refused(&answer, 415, "unsupported_media_type", None);
            assert_eq!(answer.header("Accept-Encoding"), Some("identity"));
        }
    }
    let path = format!("/api/movies?title={title}");
    assert_eq!(api.get(&path).await.json(), json!([]));
    let _ = send("identity", body.clone().into_bytes()).await.expect(201);
    let marked = format!("\u{feff}{body}").into_bytes();
    let request = api.request(Method::POST, "/api/movies").header("Content-Type", "application/json");
    let movie = Answer::of(request.body(marked)).await.expect(201).json();
    assert_eq!(movie["title"], title);
    let order = format!("\u{feff}{}", json!({"user_id": title, "number_of_items": 1, "total_amount": 1}));
    let request = api.request(Method::POST, "/api/billing").header("Content-Type", "application/json");
    let _ = Answer::of(request.body(order)).await.expect(200);
}

pub async fn a_body_is_at_most_64_kib(stack: &Stack) {
    let api = stack.api();
    let title = unique("Large");
    let sized = |size: usize| {
        let mut body = json!({"title": title, "description": "", "padding": ""});
        body["padding"] = Value::String("x".repeat(size - body.to_string().len()));
        body
    };
    let _ = api.post("/api/movies", &sized(64 * 1024)).await.expect(201);
    for size in [64 * 1024 + 1, 65 * 1024, 200 * 1024] {
        refused(&api.post("/api/movies", &sized(size)).await, 413, "too_large", None);
    }
    let head = "POST /api/movies HTTP/1.1\nHost: x\nContent-Type: application/json\nConnection: close\n";
    let hundred = 100 * 1024 * 1024;
    let block = || vec![b'x'; 64 * 1024];
    let announced = std::iter::repeat_with(block).take(hundred / (64 * 1024));
    let (status, body) = raw(stack, &format!("{head}Content-Length: {hundred}\n\n"), announced);
    assert_eq!((status, body.contains("too_large")), (413, true), "{body}");
    let chunk = || [b"10000\r\n".to_vec(), block(), b"\r\n".to_vec()].concat();
    let chunks = std::iter::repeat_with(chunk).take(hundred / (64 * 1024));
    let (status, body) = raw(stack, &format!("{head}Transfer-Encoding: chunked\n\n"), chunks);
    assert_eq!((status, body.contains("too_large")), (413, true), "{body}");
    // It goes on as if nothing had been.
    let found = api.get(&format!("/api/movies?title={title}")).await.expect(200).json();
    assert_eq!(found.as_array().map(Vec::len), Some(1));
}

pub async fn a_form_cannot_choose_another_method(stack: &Stack) {
    let api = stack.api();
    let movie = super::movies::add(&api, &unique("Kept")).await;
    let path = format!("/api/movies/{}", movie["id"]);
    let form = api.request(Method::POST, &path).header("Content-Type", "application/x-www-form-urlencoded");
    let answer = Answer::of(form.body("_method=delete")).await;
    refused(&answer, 405, "method_not_allowed", None);
    assert_eq!(api.get(&path).await.expect(200).json(), movie);
}
