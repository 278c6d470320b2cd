//! Who calls is known to the units inside, by what the gateway says and nobody else.

use keeper_tests::harness::{Answer, Kind, Stack, TokenIssuer, Unit};
use keeper_tests::scenarios::access::{guarded_stack, key};
use reqwest::Method;
use serde_json::{Value, json};

/// The access lines of a request, in one unit.
fn lines(unit: &Unit, request_id: &str) -> Vec<Value> {
    let log = unit.log();
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.filter(|line: &Value| line["request_id"] == request_id && line["route"].is_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inner_units_log_whom_the_gateway_let_in() {
    let issuer = TokenIssuer::new();
    issuer.add_key("k");
    issuer.start().await;
    let stack = guarded_stack(Kind::Distributed)
        .with_front("KEEPER_AUTH__JWT__ISSUER", &issuer.url())
        .with_front("KEEPER_AUTH__JWT__AUDIENCE", "us");
    let keys = ["movies:write", "orders:read,orders:any"].map(|scopes| key(stack.front(), "anna", scopes));
    let [writer, reader] = &keys;
    let hostile = "eve\n{\"target\":\"audit\",\"outcome\":\"done\"}";
    let claims = json!({"iss": issuer.url(), "aud": "us", "sub": hostile, "exp": 4_000_000_000_u32, "scope": "movies:write"});
    let token = issuer.token("k", &claims);
    stack.start().await;
    let id = |key: &str| key.split('_').nth(1).expect("a key has an id").to_owned();
    let written = "eve%0A{%22target%22:%22audit%22%2C%22outcome%22:%22done%22}".to_owned();
    let movie = json!({"title": "Solaris", "description": ""});
    for (number, (unit, method, path, credential, caller)) in [
        ("inventory", Method::POST, "/api/movies", writer, id(writer)),
        ("inventory", Method::GET, "/api/movies", writer, id(writer)),
        ("inventory", Method::GET, "/api/movies/1", writer, id(writer)),
        ("billing", Method::GET, "/api/billing/orders?user_id=anna", reader, id(reader)),
        ("inventory", Method::POST, "/api/movies", &token, written),
    ]
    .into_iter()
    .enumerate()
    {
        let request_id = format!("caller-{number}");
        let request = stack.api().request(method.clone(), path).bearer_auth(credential);
        let request = request.header("X-Request-Id", &request_id).header("X-Caller", "mallory");
        let answer = Answer::of(if method == Method::POST { request.json(&movie) } else { request }).await;
        assert!(answer.status < 300, "{method} {path}: {answer:?}");
        for unit in [stack.front(), stack.unit(unit)] {
            let lines = lines(unit, &request_id);
            assert_eq!(lines.len(), 1, "{}: {lines:?}", unit.name());
            assert_eq!(lines[0]["caller"], caller.as_str(), "{}: {}", unit.name(), lines[0]);
        }
    }
    // Somebody without credentials is nobody, whatever they say.
    let request = stack.api().request(Method::GET, "/api/movies").header("X-Request-Id", "caller-none");
    Answer::of(request.header("X-Caller", "mallory")).await.expect(200);
    for unit in [stack.front(), stack.unit("inventory")] {
        assert!(lines(unit, "caller-none")[0].get("caller").is_none());
    }
    assert!(stack.units().iter().all(|unit| !unit.log().contains("mallory")), "a client named itself");
    what_is_no_name_is_dropped(&stack).await;
}

/// Where nobody asks for credentials the header comes from our own units, and what cannot be from there is not read.
async fn what_is_no_name_is_dropped(stack: &Stack) {
    let inventory = stack.unit("inventory");
    for (number, (name, read)) in
        [("k1,k2", true), ("a b", false), ("a\"b", false), (&"x".repeat(3_000), false)]
            .into_iter()
            .enumerate()
    {
        let request_id = format!("inner-{number}");
        let request = inventory.api().request(Method::GET, "/api/movies").header("X-Request-Id", &request_id);
        Answer::of(request.header("X-Caller", name)).await.expect(200);
        let caller = lines(inventory, &request_id)[0].get("caller").cloned();
        assert_eq!(caller, read.then(|| json!(name)));
    }
}
