//! Who is let in, on the real binaries. What is expected is read from the document that the unit serves.

use std::process::Output;
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::protocol::refused;
use crate::harness::{Answer, Api, Kind, Stack, Unit, eventually, keep_secret};

/// Every scope.
pub const SCOPES: [&str; 6] =
    ["movies:write", "movies:clear", "orders:read", "orders:write", "orders:any", "operations"];

const KEYS: &str = "keys.toml";

/// A stack that asks for API keys.
pub fn guarded_stack(kind: Kind) -> Stack {
    let stack = Stack::new(kind).with_front("KEEPER_AUTH__MODE", "required");
    let stack = stack.with_front("KEEPER_AUTH__KEYS_FILE", KEYS);
    // A unit that asks for keys has a file, and before the first key it is empty.
    std::fs::write(stack.front().folder().join(KEYS), "keys = []\n").expect("it is written");
    stack
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("it is text").trim_end().to_owned()
}

/// Makes a key, by the command.
pub fn key(unit: &Unit, name: &str, scopes: &str) -> String {
    key_with(unit, name, scopes, &[])
}

/// Makes a key with more options.
pub fn key_with(unit: &Unit, name: &str, scopes: &str, options: &[&str]) -> String {
    let arguments = [&["keys", "create", "--name", name, "--scopes", scopes], options].concat();
    let output = unit.command(&arguments);
    let key = text(&output);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let audit = serde_json::from_str::<Value>(&told).expect("it is one audit line");
    assert_eq!((&audit["target"], &audit["action"]), (&json!("audit"), &json!("key created")));
    keep_secret(key.split('_').nth(2).expect("a key has a secret"));
    assert!(audit["object"] == id_of(&key) && !told.contains(&key), "{told}");
    key
}

fn id_of(key: &str) -> &str {
    key.split('_').nth(1).expect("a key has an id")
}

async fn call(api: &Api, method: &str, path: &str, key: Option<&str>) -> Answer {
    call_with(api, method, path, |request| match key {
        Some(key) => request.bearer_auth(key),
        None => request,
    })
    .await
}

/// Makes a call of the document in anna's name, whose request is completed by whoever makes it.
pub(super) async fn call_with(
    api: &Api,
    method: &str,
    path: &str,
    complete: impl FnOnce(RequestBuilder) -> RequestBuilder,
) -> Answer {
    const UUID: &str = "019a2f5e-7c1b-7d3a-9e4f-0123456789ab";
    let query = match (method, path) {
        (_, "/api/billing/orders") => "?user_id=anna",
        ("delete", "/api/operations/dead-letters/{id}") => "?reason=a%20test",
        _ => "",
    };
    let id = if path.starts_with("/api/operations") { UUID } else { "999" };
    let path = path.replace("{order_id}", UUID).replace("{id}", id);
    let request = api.request(method.to_uppercase().parse().expect("a method"), &(path.clone() + query));
    let request = match (method, path.as_str()) {
        ("post", "/api/billing") => {
            request.json(&json!({"user_id": "anna", "number_of_items": 1, "total_amount": "1"}))
        }
        ("post", path) if path.starts_with("/api/operations") => request.json(&json!({})),
        ("post" | "put", _) => request.json(&json!({"title": "Solaris", "description": ""})),
        _ => request,
    };
    Answer::of(complete(request)).await
}

/// The calls of a document: method, path, description.
pub(super) fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let of_path = |(path, item): (&String, &Value)| {
        let item = item.as_object().expect("operations").clone();
        let path = path.clone();
        item.into_iter().map(move |(method, operation)| (method, path.clone(), operation))
    };
    paths.iter().flat_map(of_path).collect()
}

pub async fn every_operation_lets_in_whom_its_document_names(kind: Kind) {
    let stack = guarded_stack(kind);
    let front = stack.front();
    let single = SCOPES.map(|scope| (scope, key(front, "anna", scope)));
    let all = key(front, "anna", &SCOPES.join(","));
    // Somebody else who may do everything but look after the orders of others.
    let other = key(
        front,
        "boris",
        &SCOPES.map(|scope| if scope == "orders:any" { "orders:read" } else { scope }).join(","),
    );
    let (revoked, expired) = (key(front, "anna", &SCOPES.join(",")), expired_key(front));
    front.command(&["keys", "revoke", id_of(&revoked)]);
    stack.start().await;
    let api = stack.api();
    let document = api.get("/api-docs/openapi.json").await.expect(200).json();
    let operations = operations(&document);
    assert_eq!(operations.len(), 14);
    for (method, path, operation) in operations {
        let what = format!("{method} {path}");
        let need = operation["x-scope"].as_str();
        let nobody = call(&api, &method, &path, None).await;
        match need {
            None => assert_eq!(nobody.status / 100, if path.contains('{') { 4 } else { 2 }, "{what}"),
            Some(_) => refused(&nobody, 401, "unauthenticated", None),
        }
        for bad in [&revoked, &expired, "ck_x", "x", &all[..all.len() - 1]] {
            let answer = call(&api, &method, &path, Some(bad)).await;
            refused(&answer, 401, "unauthenticated", None);
            assert!(answer.header("WWW-Authenticate").is_some_and(|header| header.starts_with("Bearer ")));
        }
        for (scope, key) in &single {
            let answer = call(&api, &method, &path, Some(key)).await;
            match need {
                Some(need) if need != *scope => refused(&answer, 403, "forbidden", None),
                _ => assert!(answer.status < 300 || answer.status == 404, "{what} {scope}: {answer:?}"),
            }
        }
        let answer = call(&api, &method, &path, Some(&all)).await;
        assert!(answer.status < 300 || answer.status == 404, "{what}: {answer:?}");
        let answer = call(&api, &method, &path, Some(&other)).await;
        match path.as_str() {
            "/api/billing" | "/api/billing/orders" => refused(&answer, 403, "forbidden", None),
            "/api/billing/orders/{order_id}" => refused(&answer, 404, "not_found", None),
            _ => assert!(answer.status < 300 || answer.status == 404, "{what} by somebody else: {answer:?}"),
        }
    }
}

fn expired_key(unit: &Unit) -> String {
    let arguments = ["keys", "create", "--name", "anna", "--scopes", "movies:write", "--days", "1"];
    let key = text(&unit.command(&arguments));
    let file = unit.folder().join(KEYS);
    let content = std::fs::read_to_string(&file).expect("it is read");
    let line = content.lines().find(|line| line.starts_with("expires")).expect("it expires");
    let past = content.replace(line, "expires = \"2020-01-01T00:00:00Z\"");
    std::fs::write(&file, past).expect("it is written");
    key
}

pub async fn reading_may_be_for_known_callers_only(kind: Kind) {
    let stack = guarded_stack(kind).with_front("KEEPER_AUTH__PUBLIC_READS", "false");
    let anybody = key(stack.front(), "anna", "operations");
    stack.start().await;
    let api = stack.api();
    for (path, status) in [("/api/movies", 200), ("/api/movies/{id}", 404)] {
        refused(&call(&api, "get", path, None).await, 401, "unauthenticated", None);
        refused(&call(&api, "get", path, Some("ck_x")).await, 401, "unauthenticated", None);
        assert_eq!(call(&api, "get", path, Some(&anybody)).await.status, status, "{path}");
    }
    api.get("/api-docs").await.expect(200);
}

pub async fn orders_of_somebody_else_are_not_there(kind: Kind) {
    let stack = guarded_stack(kind);
    let anna = key(stack.front(), "anna", "orders:read,orders:write");
    let boris = key(stack.front(), "boris", "orders:read,orders:write");
    let clerk = key(stack.front(), "clerk", "orders:read,orders:any");
    stack.start().await;
    let api = stack.api();
    let placed = call(&api, "post", "/api/billing", Some(&anna)).await.expect(200);
    let order = placed.header("Location").expect("it has an address").to_owned();
    let read = async |key: &str, wait: &str| {
        Answer::of(api.request(Method::GET, &format!("{order}{wait}")).bearer_auth(key)).await
    };
    assert_eq!(read(&anna, "?wait=30").await.expect(200).json()["user_id"], "anna");
    refused(&read(&boris, "").await, 404, "not_found", None);
    read(&clerk, "").await.expect(200);
    call(&api, "get", "/api/billing/orders", Some(&clerk)).await.expect(200);
    refused(&call(&api, "get", "/api/billing/orders", Some(&boris)).await, 403, "forbidden", None);
}

pub async fn a_key_is_made_and_revoked_while_the_unit_runs(kind: Kind) {
    let stack = guarded_stack(kind);
    stack.start().await;
    let (api, front) = (stack.api(), stack.front());
    let first = key(front, "shop", "movies:write");
    let add = async |key: &str| call(&api, "post", "/api/movies", Some(key)).await.status;
    let becomes = async |key: &str, status: u16| {
        eventually(&format!("it is answered {status}"), Duration::from_secs(10), async || {
            (add(key).await == status).then_some(())
        })
        .await;
    };
    becomes(&first, 201).await;
    let second = key(front, "shop", "movies:write");
    becomes(&second, 201).await;
    let list = text(&front.command(&["keys", "list"]));
    assert!(list.contains(id_of(&first)) && list.contains("shop") && list.contains("movies:write"), "{list}");
    front.command(&["keys", "revoke", id_of(&first)]);
    becomes(&first, 401).await;
    // A damaged file changes nothing, and is complained of.
    let file = front.folder().join(KEYS);
    let good = std::fs::read(&file).expect("it is read");
    std::fs::write(&file, &good[..good.len() / 2]).expect("it is written");
    eventually("it complains", Duration::from_secs(10), async || {
        front.log().contains("the keys stay as they were").then_some(())
    })
    .await;
    assert_eq!(add(&second).await, 201);
    front.terminate();
    front.start();
    assert_eq!(front.ended().code(), Some(2));
    let log = front.log();
    let end = log.lines().last().expect("it says why");
    assert!(end.contains("auth.keys_file") && end.contains("is not a file of keys"), "{end}");
    std::fs::write(&file, &good).expect("it is written");
    front.start();
    front.ready().await;
    assert_eq!(add(&second).await, 201);
}
