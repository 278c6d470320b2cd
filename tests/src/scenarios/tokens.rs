//! Tokens of an issuer, on the real binaries.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use reqwest::Method;
use serde_json::{Value, json};

use super::protocol::refused;
use crate::harness::{Answer, Kind, Stack, TokenIssuer, eventually};

fn stack_of(kind: Kind, issuer: &TokenIssuer) -> Stack {
    Stack::new(kind)
        .with_front("KEEPER_AUTH__MODE", "required")
        .with_front("KEEPER_AUTH__JWT__ISSUER", &issuer.url())
        .with_front("KEEPER_AUTH__JWT__AUDIENCE", "code-keeper")
}

fn claims(issuer: &TokenIssuer) -> Value {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970").as_secs();
    json!({"iss": issuer.url(), "aud": "code-keeper", "sub": "anna", "exp": now + 600,
        "scope": "openid movies:write"})
}

async fn add(stack: &Stack, token: &str) -> Answer {
    let request = stack.api().request(Method::POST, "/api/movies").bearer_auth(token);
    Answer::of(request.json(&json!({"title": "Solaris", "description": ""}))).await
}

pub async fn an_issuer_may_be_away_and_its_keys_may_change(kind: Kind) {
    let issuer = Arc::new(TokenIssuer::new());
    issuer.add_key("first");
    let stack = Arc::new(stack_of(kind, &issuer));
    // It starts without the issuer, and serves what needs no token.
    stack.start().await;
    let first = issuer.token("first", &claims(&issuer));
    stack.api().get("/api/movies").await.expect(200);
    refused(&add(&stack, &first).await, 503, "unavailable", None);
    issuer.start().await;
    eventually("the issuer's keys are fetched", Duration::from_secs(20), async || {
        (add(&stack, &first).await.status == 201).then_some(())
    })
    .await;
    refused(&add(&stack, &first[..first.len() - 9]).await, 401, "unauthenticated", None);
    let mut other = claims(&issuer);
    other["scope"] = json!("orders:write");
    refused(&add(&stack, &issuer.token("first", &other)).await, 403, "forbidden", None);
    refused(&add(&stack, &format!("{first}{}", "x".repeat(9 * 1024))).await, 401, "unauthenticated", None);
    // The keys change under load, and no request is refused.
    let stop = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn({
        let (stack, first, stop) = (Arc::clone(&stack), first.clone(), Arc::clone(&stop));
        async move {
            let mut answers = 0;
            while !stop.load(Relaxed) {
                add(&stack, &first).await.expect(201);
                answers += 1;
            }
            answers
        }
    });
    issuer.add_key("second");
    let second = issuer.token("second", &claims(&issuer));
    eventually("the second key is known", Duration::from_secs(40), async || {
        (add(&stack, &second).await.status == 201).then_some(())
    })
    .await;
    issuer.stop().await;
    add(&stack, &second).await.expect(201);
    add(&stack, &first).await.expect(201);
    stop.store(true, Relaxed);
    assert!(load.await.expect("no request was refused") > 0);
    let log: String = stack.units().iter().map(crate::harness::Unit::log).collect();
    for token in [&first, &second] {
        let signature = token.rsplit('.').next().expect("a token has a signature");
        assert!(!log.contains(signature), "a token is in the log");
    }
}
