//! Every operation of the public document, called by every kind of caller.

use std::sync::Arc;

use keeper_access::{Operation, Reads};
use keeper_domain::{
    Coverage, DeadLetter, DeadLetterList, DeadLetterReason, DeadLettersTaken, Means, Order, OrderId,
    Principal, Rate, RatePolicy, Rates, RecordedOrder, Scope, Scopes, Slice, Timestamp,
};
use keeper_http_server::auth::{self, AccessControl, AccessMetrics};
use keeper_http_server::{
    Document, HttpSettings, IntakeMetrics, docs, movies, operations, order_book, order_intake,
};
use keeper_ports::PortError;
use keeper_ports::access::{MockCredentials, MockRateLimiter, Quota, Recognition};
use keeper_ports::billing::{MockDeadLetterOperations, MockOrderBook, MockOrderIntake, Submission};
use keeper_ports::inventory::MockMovieCatalog;
use keeper_wire::{MovieFields, OrderFields};
use prometheus::Registry;
use rocket::http::Method;
use rocket::local::asynchronous::Client;
use serde_json::Value;

use crate::client::{Answer, SETTINGS, client_with, send_as};

const ID: &str = "019a2f5e-7c1b-7d3a-9e4f-0123456789ab";

fn recorded() -> RecordedOrder {
    let draft = br#"{"user_id":"anna","number_of_items":1,"total_amount":"1"}"#;
    let created_at = Timestamp::from_millis(1_000).unwrap();
    let id = OrderId::parse("order_id", ID).unwrap();
    let order = Order { id, draft: OrderFields::parse(draft).unwrap(), created_at };
    RecordedOrder { order, recorded_at: created_at }
}

fn catalog() -> MockMovieCatalog {
    let movie = |id| {
        let new = MovieFields::parse(br#"{"title":"Solaris","description":""}"#).unwrap();
        let at = Timestamp::from_millis(0).unwrap();
        keeper_domain::Movie {
            id,
            title: new.title,
            description: new.description,
            created_at: at,
            updated_at: at,
        }
    };
    let first = || keeper_domain::MovieId::parse("id", "1").unwrap();
    let mut catalog = MockMovieCatalog::new();
    catalog.expect_add().returning(move |_| Ok(movie(first())));
    catalog.expect_list().returning(|_, _| Ok(Slice { items: Vec::new(), more: false }));
    catalog.expect_get().returning(move |id| Ok(Some(movie(id))));
    catalog.expect_change().returning(move |id, _| Ok(Some(movie(id))));
    catalog.expect_remove().returning(|_| Ok(true));
    catalog.expect_clear().returning(|| Ok(0));
    catalog
}

/// The whole public API. A credential is a list of scopes: `anna|orders:read,orders:any`; any other is refused.
async fn api(reads: Reads) -> Client {
    let mut credentials = MockCredentials::new();
    credentials.expect_recognise().returning(|presented| {
        let Some((subject, scopes)) = presented.expose().split_once('|') else {
            return Ok(Recognition::Refused("not good"));
        };
        let scopes: Scopes = scopes.split(',').filter_map(Scope::named).collect();
        let (subject, means) = (subject.to_owned(), Means::Token);
        Ok(Recognition::Known(Principal {
            credential: subject.clone(),
            subject,
            scopes,
            means,
            rates: Rates::default(),
        }))
    });
    over(asking(credentials, reads)).await
}

fn asking(credentials: MockCredentials, reads: Reads) -> AccessControl {
    AccessControl {
        credentials: Some(Arc::new(credentials)),
        reads,
        limiter: None,
        metrics: AccessMetrics::register(&Registry::new()).unwrap(),
    }
}

async fn over(control: AccessControl) -> Client {
    behind(0, control).await
}

async fn behind(trusted_proxies: usize, control: AccessControl) -> Client {
    let settings = HttpSettings { trusted_proxies, ..SETTINGS };
    let mut intake = MockOrderIntake::new();
    intake.expect_submit().returning(|_, _| Ok(Submission::Accepted(recorded().order)));
    let mut book = MockOrderBook::new();
    book.expect_find().returning(|_, _| Ok(Some(recorded())));
    book.expect_list().returning(|_, _| Ok(Slice { items: Vec::new(), more: false }));
    let stages = [
        auth::stage(control),
        movies(Arc::new(catalog())),
        order_intake(Arc::new(intake), IntakeMetrics::register(&Registry::new()).unwrap()),
        order_book(Arc::new(book)),
        operations(Arc::new(dead_letters())),
    ];
    client_with(settings, stages).await
}

/// One dead letter, of whatever id.
fn dead_letters() -> MockDeadLetterOperations {
    let letter = |id| DeadLetter {
        id,
        reason: DeadLetterReason::Invalid,
        detail: String::new(),
        first_seen: Timestamp::from_millis(0).unwrap(),
        order_id: None,
        headers: Vec::new(),
        body: Vec::new(),
    };
    let taken = || DeadLettersTaken { count: 1, coverage: Coverage::whole(1) };
    let mut mock = MockDeadLetterOperations::new();
    let none = || DeadLetterList { letters: Vec::new(), coverage: Coverage::whole(0) };
    mock.expect_list().returning(move |_| Ok(none()));
    mock.expect_find()
        .returning(move |id| Ok(DeadLetterList { letters: vec![letter(id)], coverage: Coverage::whole(1) }));
    mock.expect_replay().returning(move |_| Ok(taken()));
    mock.expect_discard().returning(move |_, _| Ok(taken()));
    mock
}

/// Calls an operation in a way that is right, about the orders of anna.
async fn call(client: &Client, method: &str, path: &str, credential: Option<&str>) -> Answer {
    let query = match (method, path) {
        ("get", "/api/billing/orders") => "?user_id=anna",
        ("delete", "/api/operations/dead-letters/{id}") => "?reason=a%20test",
        _ => "",
    };
    let id = if path.starts_with("/api/operations") { ID } else { "1" };
    let path = path.replace("{order_id}", ID).replace("{id}", id) + query;
    let body = match (method, path.as_str()) {
        ("post", path) if path.starts_with("/api/operations") => "{}",
        ("post", "/api/billing") => r#"{"user_id":"anna","number_of_items":1,"total_amount":"1"}"#,
        ("post" | "put", _) => r#"{"title":"Solaris","description":""}"#,
        _ => "",
    };
    let method: Method = method.to_uppercase().parse().unwrap();
    let bearer = credential.map(|credential| format!("Bearer {credential}"));
    let headers: Vec<_> = bearer.iter().map(|bearer| ("Authorization", bearer.as_str())).collect();
    let content = if body.is_empty() { "" } else { "application/json" };
    send_as(client, method, &path, body, content, &headers).await
}

/// The status that the table asks for, and the scope that a refusal names.
fn expected(operation: Operation, reads: Reads, caller: Option<(&str, &[Scope])>) -> (u16, Option<Scope>) {
    let need = operation.need().scope();
    let Some((subject, scopes)) = caller else {
        let public = need.is_none() && reads == Reads::Public;
        return (if public { 200 } else { 401 }, None);
    };
    match need {
        Some(scope) if !scopes.contains(&scope) => (403, Some(scope)),
        Some(Scope::OrdersRead | Scope::OrdersWrite)
            if subject != "anna" && !scopes.contains(&Scope::OrdersAny) =>
        {
            let hidden = operation == Operation::ReadOrder;
            if hidden { (404, None) } else { (403, Some(Scope::OrdersAny)) }
        }
        _ => (if operation == Operation::AddMovie { 201 } else { 200 }, None),
    }
}

fn check(answer: &Answer, what: &str, (status, scope): (u16, Option<Scope>)) {
    assert_eq!(answer.status, status, "{what}: {}", answer.body);
    let challenge = answer.header("WWW-Authenticate");
    match status {
        401 => answer.assert_error(401, "unauthenticated", None),
        403 => answer.assert_error(403, "forbidden", None),
        404 => answer.assert_error(404, "not_found", None),
        _ => {}
    }
    assert_eq!(challenge.is_some(), status == 401 || status == 403, "{what}");
    if let Some(scope) = scope {
        assert!(answer.body["message"].as_str().unwrap().contains(scope.as_str()), "{what}: {}", answer.body);
        assert!(challenge.unwrap().contains(&format!("scope=\"{scope}\"")), "{what}: {challenge:?}");
    }
}

#[rocket::async_test]
async fn every_operation_lets_in_whom_the_table_names_and_nobody_else() {
    let document: Value = serde_json::from_str(&docs::document(Document::Gateway).unwrap()).unwrap();
    let mut seen = 0;
    for reads in [Reads::Public, Reads::Known] {
        let api = api(reads).await;
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, description) in item.as_object().unwrap() {
                seen += 1;
                let operation = Operation::named(description["operationId"].as_str().unwrap()).unwrap();
                let answer = call(&api, method, path, None).await;
                check(&answer, &format!("{operation:?} by nobody"), expected(operation, reads, None));
                let answer = call(&api, method, path, Some("bad")).await;
                check(&answer, &format!("{operation:?} by a bad credential"), (401, None));
                let single = Scope::ALL.map(|scope| vec![scope]);
                let pairs = Scope::ALL.map(|scope| vec![scope, Scope::OrdersAny]);
                let sets = single.into_iter().chain(pairs).chain([Vec::new(), Scope::ALL.into()]);
                for (subject, scopes) in sets.flat_map(|set| [("anna", set.clone()), ("boris", set)]) {
                    let names: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
                    let credential = format!("{subject}|{}", names.join(","));
                    let answer = call(&api, method, path, Some(&credential)).await;
                    let expected = expected(operation, reads, Some((subject, &scopes)));
                    check(&answer, &format!("{operation:?} by {credential}"), expected);
                }
            }
        }
    }
    assert_eq!(seen, 2 * Operation::ALL.len());
}

#[rocket::async_test]
async fn somebody_elses_order_is_answered_as_late_as_one_that_is_not_there() {
    let api = api(Reads::Public).await;
    let started = std::time::Instant::now();
    let path = format!("/api/billing/orders/{ID}?wait=1");
    let headers = [("Authorization", "Bearer boris|orders:read")];
    let answer = send_as(&api, Method::Get, &path, "", "", &headers).await;
    answer.assert_error(404, "not_found", None);
    assert!(started.elapsed() >= std::time::Duration::from_secs(1));
    assert_eq!(answer.body["message"], format!("order {ID} is not recorded, or not yet"));
}

#[rocket::async_test]
async fn credentials_that_nobody_can_check_are_no_credentials_that_are_wrong() {
    let mut credentials = MockCredentials::new();
    credentials.expect_recognise().returning(|_| Err(PortError::unavailable("the issuer", "gone")));
    let api = over(asking(credentials, Reads::Public)).await;
    let headers = [("Authorization", "Bearer x")];
    send_as(&api, Method::Get, "/api/movies", "", "", &headers).await.assert_error(503, "unavailable", None);
}

/// A limiter that grants so many calls of each caller under each policy.
fn limiter(most: u32) -> MockRateLimiter {
    let taken = std::sync::Mutex::new(std::collections::HashMap::<_, u32>::new());
    let mut limiter = MockRateLimiter::new();
    limiter.expect_take().returning(move |policy, caller, own| {
        let most = own.map_or(most, Rate::requests);
        let mut taken = taken.lock().unwrap();
        let taken = taken.entry((policy, caller)).or_default();
        *taken += 1;
        let second = std::time::Duration::from_secs(1);
        Ok(Some(Quota {
            granted: *taken <= most,
            limit: most,
            window: own.map_or(second * 60, Rate::window),
            remaining: most.saturating_sub(*taken),
            reset: second * 3 / 2,
        }))
    });
    limiter
}

#[rocket::async_test]
async fn each_caller_has_a_quota_and_is_told_what_is_left() {
    let registry = Registry::new();
    let metrics = AccessMetrics::register(&registry).unwrap();
    let mut credentials = MockCredentials::new();
    credentials.expect_recognise().returning(|presented| {
        let subject = presented.expose().to_owned();
        if subject == "bad" {
            return Ok(Recognition::Refused("not good"));
        }
        let (credential, means) = (subject.clone(), Means::ApiKey);
        let rate = (RatePolicy::Reads, Rate::new(1, 30, 1).unwrap());
        let own: Rates = (subject == "dora").then_some(rate).into_iter().collect();
        Ok(Recognition::Known(Principal {
            subject,
            credential,
            scopes: Scopes::default(),
            means,
            rates: own,
        }))
    });
    let control =
        AccessControl { limiter: Some(Arc::new(limiter(2))), metrics, ..asking(credentials, Reads::Public) };
    let api = behind(1, control).await;
    let get = async |credential: &'static str, address: &'static str| {
        let mut headers = vec![("X-Forwarded-For", address)];
        if !credential.is_empty() {
            headers.push(("X-Api-Key", credential));
        }
        send_as(&api, Method::Get, "/api/movies", "", "", &headers).await
    };
    for (credential, address) in [("", "1.1.1.1"), ("", "2.2.2.2"), ("anna", "1.1.1.1"), ("boris", "1.1.1.1")]
    {
        for left in ["1", "0"] {
            let answer = get(credential, address).await;
            assert_eq!(answer.status, 200, "{credential} {address}");
            assert_eq!(answer.header("RateLimit-Policy"), Some("\"reads\";q=2;w=60"));
            assert_eq!(answer.header("RateLimit"), Some(format!("\"reads\";r={left};t=2").as_str()));
        }
        let answer = get(credential, address).await;
        answer.assert_error(429, "rate_limited", None);
        assert_eq!(
            (answer.header("Retry-After"), answer.header("RateLimit")),
            (Some("2"), Some("\"reads\";r=0;t=2"))
        );
    }
    // A client that writes an address of its own is known by the one that the proxy saw.
    get("", "3.3.3.3, 1.1.1.1").await.assert_error(429, "rate_limited", None);
    // Refused credentials are counted by address, and good ones from there are let in all the same.
    for status in [401, 401, 429, 429] {
        assert_eq!(get("bad", "4.4.4.4").await.status, status);
    }
    assert_eq!(get("clara", "4.4.4.4").await.status, 200);
    // One has a rate of their own, and is told of it.
    for (status, limit) in [(200, "\"reads\";r=0;t=2"), (429, "\"reads\";r=0;t=2")] {
        let answer = get("dora", "1.1.1.1").await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("RateLimit-Policy"), Some("\"reads\";q=1;w=30"));
        assert_eq!(answer.header("RateLimit"), Some(limit));
    }
    let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    for line in [
        "auth_decisions_total{outcome=\"allowed\",via=\"api_key\"} 6",
        "auth_decisions_total{outcome=\"unauthenticated\",via=\"api_key\"} 4",
        "rate_limited_total{policy=\"failures\"} 2",
        "rate_limited_total{policy=\"reads\"} 6",
        "rate_limited_total{policy=\"orders\"} 0",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

/// What is no credential at all is counted and limited as a wrong one is.
#[rocket::async_test]
async fn credentials_that_cannot_be_read_are_counted_and_limited() {
    let shown: [&[(&'static str, &str)]; 8] = [
        &[("Authorization", "Basic YTpi")],
        &[("Authorization", "Token x")],
        &[("Authorization", "ck_a_b_c")],
        &[("Authorization", "Bearer a b")],
        &[("Authorization", "Bearer \u{fffd}")],
        &[("X-Api-Key", "")],
        &[("X-Api-Key", "a"), ("X-Api-Key", "a")],
        &[("X-Api-Key", "a"), ("Authorization", "Bearer b")],
    ];
    let registry = Registry::new();
    let metrics = AccessMetrics::register(&registry).unwrap();
    let control = AccessControl {
        limiter: Some(Arc::new(limiter(8))),
        metrics,
        ..asking(MockCredentials::new(), Reads::Public)
    };
    let api = over(control).await;
    for headers in shown {
        let answer = send_as(&api, Method::Get, "/api/movies", "", "", headers).await;
        assert!(matches!(answer.status, 400 | 401), "{headers:?}: {}", answer.body);
        assert_eq!(answer.header("RateLimit-Policy"), Some("\"failures\";q=8;w=60"), "{headers:?}");
    }
    for headers in shown {
        let answer = send_as(&api, Method::Get, "/api/movies", "", "", headers).await;
        answer.assert_error(429, "rate_limited", None);
    }
    let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    for line in [
        "auth_decisions_total{outcome=\"unauthenticated\",via=\"none\"} 16",
        "rate_limited_total{policy=\"failures\"} 8",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

/// Also where the scope is enough, and the user is not.
#[rocket::async_test]
async fn each_call_is_decided_once() {
    let registry = Registry::new();
    let metrics = AccessMetrics::register(&registry).unwrap();
    let mut credentials = MockCredentials::new();
    credentials.expect_recognise().returning(|presented| {
        let subject = presented.expose().to_owned();
        Ok(Recognition::Known(Principal {
            credential: subject.clone(),
            subject,
            scopes: [Scope::OrdersWrite, Scope::OrdersRead].into_iter().collect(),
            means: Means::Token,
            rates: Rates::default(),
        }))
    });
    let api = over(AccessControl { metrics, ..asking(credentials, Reads::Public) }).await;
    for (caller, status) in [("anna", 200), ("boris", 403)] {
        for (method, path) in [("post", "/api/billing"), ("get", "/api/billing/orders")] {
            assert_eq!(call(&api, method, path, Some(caller)).await.status, status, "{method} {path}");
        }
    }
    let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    for line in [
        "auth_decisions_total{outcome=\"allowed\",via=\"token\"} 2",
        "auth_decisions_total{outcome=\"forbidden\",via=\"token\"} 2",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}
