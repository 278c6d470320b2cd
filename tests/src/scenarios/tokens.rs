//! Tokens of an issuer that others wrote, on the real binaries.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::sync::RwLock;
use tokio::task::JoinSet;

use super::protocol::refused;
use crate::harness::{Answer, Api, Kind, OidcIssuer, Stack, eventually};

/// The load: a request each 5 ms.
const PERIOD: Duration = Duration::from_millis(5);

fn stack_of(kind: Kind, issuer: &OidcIssuer) -> Stack {
    Stack::new(kind)
        .with_front("KEEPER_AUTH__MODE", "required")
        .with_front("KEEPER_AUTH__JWT__ISSUER", &issuer.url())
        .with_front("KEEPER_AUTH__JWT__AUDIENCE", "code-keeper")
}

async fn add(api: &Api, token: &str) -> Answer {
    let request = api.request(Method::POST, "/api/movies").bearer_auth(token);
    Answer::of(request.json(&json!({"title": "Solaris", "description": ""}))).await
}

/// A stack that has fetched the issuer's keys, and a token of it.
async fn started(kind: Kind, issuer: &OidcIssuer) -> (Stack, String) {
    issuer.start().await;
    let stack = stack_of(kind, issuer);
    stack.start().await;
    let token = issuer.token("anna", "movies:write").await;
    eventually("the issuer's keys are fetched", Duration::from_secs(20), async || {
        (add(&stack.api(), &token).await.status == 201).then_some(())
    })
    .await;
    (stack, token)
}

pub async fn an_issuer_may_be_away_at_the_start(kind: Kind) {
    let issuer = OidcIssuer::new().await;
    issuer.start().await;
    let token = issuer.token("anna", "openid%20movies:write").await;
    issuer.stop().await;
    let stack = stack_of(kind, &issuer);
    // It serves what needs no token, and says of a token that it cannot be checked now.
    stack.start().await;
    let api = stack.api();
    api.get("/api/movies").await.expect(200);
    refused(&add(&api, &token).await, 503, "unavailable", None);
    issuer.start().await;
    eventually("the issuer's keys are fetched", Duration::from_secs(20), async || {
        (add(&api, &token).await.status == 201).then_some(())
    })
    .await;
    let other = issuer.token("anna", "orders:write").await;
    refused(&add(&api, &other).await, 403, "forbidden", None);
    let order = json!({"user_id": "anna", "number_of_items": 1, "total_amount": "1"});
    let place = api.request(Method::POST, "/api/billing").bearer_auth(other).json(&order);
    Answer::of(place).await.expect(200);
}

pub async fn tokens_that_the_issuer_did_not_give_are_refused(kind: Kind) {
    let issuer = OidcIssuer::new().await;
    issuer.new_key().await;
    let (stack, token) = started(kind, &issuer).await;
    let api = stack.api();
    let forged = issuer.forged().await;
    assert!(forged.len() >= 20, "{forged:?}");
    let long = forged.iter().find(|(what, _)| what == "9 KiB").expect("it is among them");
    assert!((9 * 1024..10 * 1024).contains(&long.1.len()), "{}", long.1.len());
    let mut messages = Vec::new();
    for (what, token) in &forged {
        let answer = add(&api, token).await;
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        refused(&answer, 401, "unauthenticated", None);
        let challenge = answer.header("WWW-Authenticate").expect("it says how to authenticate");
        assert!(challenge.contains("invalid_token"), "{what}: {challenge}");
        messages.push(answer.json()["message"].clone());
    }
    messages.dedup();
    assert_eq!(messages.len(), 1, "which of the reasons it is nobody learns: {messages:?}");
    add(&api, &token).await.expect(201);
}

/// One more key is used at once, then the issuer goes away: nobody is refused meanwhile.
pub async fn keys_rotate_under_load_and_nobody_is_refused(kind: Kind) {
    let issuer = OidcIssuer::new().await;
    let (stack, first) = started(kind, &issuer).await;
    let api = stack.api();
    let tokens = Arc::new(RwLock::new(vec![first]));
    let mut requests = JoinSet::new();
    let mut clock = tokio::time::interval(PERIOD);
    let (rotates, then_leaves) = (Duration::from_secs(2), Duration::from_secs(2));
    let load = async {
        for number in 0_usize..1_400 {
            clock.tick().await;
            let (api, tokens) = (api.clone(), Arc::clone(&tokens));
            requests.spawn(async move {
                let tokens = tokens.read().await;
                let token = tokens[number % tokens.len()].clone();
                drop(tokens);
                Answer::of(api.request(Method::GET, "/api/movies/1").bearer_auth(token)).await
            });
        }
    };
    let rotation = async {
        tokio::time::sleep(rotates).await;
        issuer.new_key().await;
        // Its keys sign in turn.
        let new = [issuer.token("anna", "movies:write").await, issuer.token("anna", "movies:write").await];
        tokens.write().await.extend(new);
        tokio::time::sleep(then_leaves).await;
        issuer.stop().await;
    };
    tokio::join!(load, rotation);
    let answers = requests.join_all().await;
    let others: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    assert!(others.is_empty(), "{} of {} were refused: {:?}", others.len(), answers.len(), others[0]);
    assert_eq!(answers.len(), 1_400);
    // Both keys are good while the issuer is away.
    for token in tokens.read().await.iter() {
        add(&api, token).await.expect(201);
    }
}
