//! Whatever callers show, and wherever: nothing of it is in what the units say.
//!
//! The harness looks for the secrets of the test process in every answer, and in the output of every unit when it ends.

use std::process::Output;
use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::access::{call_with, guarded_stack, key, operations};
use crate::harness::{Collector, Kind, Stack, TokenIssuer, assert_no_secret_in, eventually, keep_secret};

/// A credential in one of the places where a client may put it.
type Shown = (&'static str, fn(RequestBuilder, &str) -> RequestBuilder);

const PLACES: &[Shown] = &[
    ("a bearer", |request, secret| request.bearer_auth(secret)),
    ("a key", |request, secret| request.header("X-Api-Key", secret)),
    ("a password", |request, secret| request.basic_auth("anna", Some(secret))),
    ("another scheme", |request, secret| request.header("Authorization", format!("Token {secret}"))),
    ("no scheme", |request, secret| request.header("Authorization", secret)),
    ("two places", |request, secret| request.bearer_auth("x").header("X-Api-Key", secret)),
    ("twice", |request, secret| {
        request.bearer_auth(secret).header("Authorization", format!("Bearer {secret}"))
    }),
    ("a cookie", |request, secret| request.header("Cookie", format!("key={secret}"))),
    ("a query", |request, secret| request.query(&[("access_token", secret)])),
    ("an Accept of problems", |request, secret| {
        request.header("Accept", "application/problem+json").bearer_auth(format!("{secret}x"))
    }),
];

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

pub async fn no_secret_is_in_any_output(kind: Kind) {
    let issuer = TokenIssuer::new();
    issuer.add_key("k");
    issuer.start().await;
    let collector = Collector::start();
    let stack = guarded_stack(kind)
        .with_all("KEEPER_LOG__LEVEL", "debug")
        .with_all("KEEPER_TELEMETRY__OTLP_ENDPOINT", &collector.url())
        .with_all("OTEL_BSP_SCHEDULE_DELAY", "50")
        .with_front("KEEPER_LIMITS__ENABLED", "true")
        .with_front("KEEPER_LIMITS__FAILURES__REQUESTS", "100000")
        .with_front("KEEPER_LIMITS__FAILURES__BURST", "100000")
        .with_front("KEEPER_AUTH__JWT__ISSUER", &issuer.url())
        .with_front("KEEPER_AUTH__JWT__AUDIENCE", "us");
    let scopes = super::access::SCOPES.join(",");
    let (good, weak, revoked) = (
        key(stack.front(), "anna", &scopes),
        key(stack.front(), "anna", "orders:read"),
        key(stack.front(), "x", &scopes),
    );
    stack.front().command(&["keys", "revoke", revoked.split('_').nth(1).expect("a key has an id")]);
    let token = |end: u64| {
        let scope = super::access::SCOPES.join(" ");
        issuer
            .token("k", &json!({"iss": issuer.url(), "aud": "us", "sub": "anna", "exp": end, "scope": scope}))
    };
    let credentials = [good, weak, revoked, token(4_000_000_000), token(1_000_000_000)];
    for token in &credentials[3..] {
        // Its claims are somebody's too.
        keep_secret(token.split('.').nth(1).expect("a token has claims"));
    }
    stack.start().await;
    let document = stack.api().get("/api-docs/openapi.json").await.expect(200).json();
    let mut answers = 0;
    for (method, path, _) in operations(&document) {
        for credential in &credentials {
            for (place, show) in PLACES {
                let answer =
                    call_with(&stack.api(), &method, &path, |request| show(request, credential)).await;
                assert!(answer.status < 500, "{method} {path} with {place}: {answer:?}");
                answers += 1;
            }
        }
    }
    assert_eq!(answers, 14 * credentials.len() * PLACES.len());
    everything_else_that_is_said(&stack).await;
    // The last request's span comes after its answer.
    let spans = eventually("every call has its span", Duration::from_secs(30), async || {
        let spans = collector.spans();
        let calls =
            spans.iter().filter(|span| span.kind == SpanKind::Server && span.service == stack.front().name());
        (calls.count() > answers).then_some(spans)
    });
    assert_no_secret_in(&format!("{:?}", spans.await), "the spans");
}

async fn everything_else_that_is_said(stack: &Stack) {
    for unit in stack.units() {
        for path in ["/metrics", "/health/ready"] {
            unit.management().get(path).await.expect(200);
        }
        for command in [&["config"][..], &["doctor"]] {
            assert_no_secret_in(&printed(&unit.command(command)), unit.name());
        }
        let log = unit.log();
        assert_no_secret_in(&log, unit.name());
        assert!(log.lines().count() > 3, "{log}");
    }
    let front = stack.front();
    assert_no_secret_in(&printed(&front.command(&["keys", "list"])), "keys list");
    let keys = std::fs::read_to_string(front.folder().join("keys.toml")).expect("it is read");
    assert_no_secret_in(&keys, "the file of keys");
    let audited =
        |line: &str| serde_json::from_str::<Value>(line).is_ok_and(|line| line["target"] == "audit");
    assert!(front.log().lines().any(audited), "refusals are audited");
}
