//! Heads of whatever form, sent to a real unit: each is answered as a client's fault at most, and no line of the log is forged.

#![allow(clippy::expect_used, reason = "tests")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use arbtest::arbitrary::{Result, Unstructured};
use keeper_tests::harness::{Kind, Unit};
use keeper_tests::scenarios::access::{guarded_stack, key};
use serde_json::Value;

/// What a client would write to end a line, a field or a head, and to begin another one.
const PIECES: &[&str] = &[
    "Bearer ",
    "bearer",
    "ck_",
    "_",
    ".",
    "eyJhbGciOiJub25lIn0.e30.",
    "\"",
    "\\",
    ",",
    " ",
    "\t",
    "\u{e9}",
    "\u{2028}",
    "\u{1b}[31m",
    "\0",
    "\n",
    "\r",
    "\"}\n{\"level\":\"ERROR\",\"target\":\"audit\",\"forged\":true,\"message\":\"x\"}\n",
    "%0A%22forged%22",
    "127.0.0.1",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
];

const NAMES: &[&str] = &[
    "Authorization",
    "X-Api-Key",
    "X-Caller",
    "X-Request-Id",
    "X-Request-Ids",
    "X-Forwarded-For",
    "X-Forwarded-Prefix",
    "X-Forwarded-Proto",
    "X-Real-IP",
    "Forwarded",
    "traceparent",
    "tracestate",
    "Idempotency-Key",
    "Origin",
    "Accept",
    "User-Agent",
];

const PATHS: &[&str] =
    &["/api/movies?limit=1", "/api/movies/7", "/api/billing/orders?user_id=a", "/nowhere/", "/"];

fn bytes(random: &mut Unstructured<'_>, keys: &[String]) -> Result<Vec<u8>> {
    let mut value = Vec::new();
    for _ in 0..random.int_in_range(0..=5)? {
        match random.int_in_range(0..=9)? {
            0 => value.extend_from_slice(random.arbitrary()?),
            1 if !keys.is_empty() => {
                let key = random.choose(keys)?;
                value.extend_from_slice(&key.as_bytes()[..random.int_in_range(0..=key.len())?]);
            }
            _ => value.extend_from_slice(random.choose(PIECES)?.as_bytes()),
        }
    }
    Ok(value)
}

fn head(random: &mut Unstructured<'_>, keys: &[String]) -> Result<Vec<u8>> {
    let method = random.choose(&["GET", "GET", "POST", "DELETE", "BREW"])?;
    let mut head = format!("{method} {}", random.choose(PATHS)?).into_bytes();
    if random.ratio(1, 4)? {
        head.extend(bytes(random, &[])?);
    }
    head.extend_from_slice(b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for _ in 0..random.int_in_range(0..=4)? {
        let name = *random.choose(NAMES)?;
        head.extend_from_slice(format!("{name}: ").as_bytes());
        // Keys where keys belong: a path and a request's id are logged, whatever a client writes there.
        let is_for_keys = ["Authorization", "X-Api-Key"].contains(&name);
        head.extend(bytes(random, if is_for_keys { keys } else { &[] })?);
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    Ok(head)
}

/// Sends it, and gives the statuses of all answers: a value may have ended the head, and begun another one.
fn statuses(unit: &Unit, head: &[u8]) -> Vec<u16> {
    let address = unit.url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("it can be set");
    let (sent, mut told) = (stream.write_all(head), Vec::new());
    // It may have answered and gone before all was sent.
    let read = stream.read_to_end(&mut told);
    let text = String::from_utf8_lossy(&told);
    let answers = text.split("HTTP/1.1 ").skip(1);
    let statuses: Vec<u16> = answers.map(|answer| answer[..3].parse().expect("a status")).collect();
    assert!(!statuses.is_empty(), "no answer, {sent:?}, {read:?}: {:?}", String::from_utf8_lossy(head));
    statuses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fuzz_heads() {
    let stack = guarded_stack(Kind::Standalone).with_front("KEEPER_HTTP__TRUSTED_PROXIES", "2");
    let stack = stack.with_front("KEEPER_AUTH__JWT__ISSUER", "http://127.0.0.1:1");
    let stack = stack.with_front("KEEPER_AUTH__JWT__AUDIENCE", "us");
    let unit = stack.front();
    let keys = [key(unit, "anna", "movies:write"), key(unit, "boris", "orders:read")];
    stack.start().await;
    let mut answers = 0;
    arbtest::arbtest(|random| {
        let head = head(random, &keys)?;
        for status in statuses(unit, &head) {
            answers += 1;
            // 503: a token, whose issuer is away.
            let fault = matches!(status, 200 | 400..=499 | 503);
            assert!(fault, "{status}: {:?}", String::from_utf8_lossy(&head));
        }
        Ok(())
    })
    .run();
    let log = unit.log();
    let mut requests = 0;
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("a line is torn: {line}"));
        let fields = line.as_object().expect("each line is one object");
        assert!(!fields.contains_key("forged"), "a line is forged: {line}");
        assert!(["INFO", "WARN", "ERROR"].iter().any(|level| line["level"] == *level), "{line}");
        let access = line["message"] == "request" || line["message"] == "request failed";
        requests += usize::from(access && line["status"].is_u64());
    }
    assert_eq!(requests, answers, "a line for each answer, and no other");
    // It goes on.
    stack.api().get("/api/movies").await.expect(200);
    println!("{answers} answers");
}
