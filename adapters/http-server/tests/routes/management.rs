use std::sync::Arc;

use keeper_http_server::management::{Dependencies, server};
use keeper_ports::{MockProbe, PortError, Probe};
use prometheus::{IntCounter, Registry};
use rocket::http::Status;
use rocket::local::asynchronous::Client;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::client::MANAGEMENT;

fn probe(name: &'static str, up: bool) -> Arc<dyn Probe> {
    let mut probe = MockProbe::new();
    probe.expect_name().return_const(name);
    probe
        .expect_check()
        .returning(move || if up { Ok(()) } else { Err(PortError::unavailable(name, "refused")) });
    Arc::new(probe)
}

async fn health(dependencies: Dependencies, path: &'static str, stopping: bool) -> (Status, Value) {
    let stop = CancellationToken::new();
    if stopping {
        stop.cancel();
    }
    let client = Client::untracked(server(MANAGEMENT, dependencies, Registry::new(), stop)).await.unwrap();
    let response = client.get(path).dispatch().await;
    (response.status(), serde_json::from_str(&response.into_string().await.unwrap()).unwrap())
}

#[rocket::async_test]
async fn a_unit_is_ready_when_all_that_it_requires_answers() {
    let all = || Dependencies { required: vec![probe("a", true), probe("b", true)], helpful: vec![] };
    assert_eq!(health(all(), "/health/ready", false).await.0, Status::Ok);
    assert_eq!(
        health(all(), "/health/ready", true).await.0,
        Status::ServiceUnavailable,
        "not while it stops"
    );
    let one = Dependencies { required: vec![probe("a", true), probe("b", false)], helpful: vec![] };
    let (status, body) = health(one, "/health/ready", false).await;
    assert_eq!(status, Status::ServiceUnavailable);
    assert_eq!((&body["checks"][1]["name"], &body["checks"][1]["ok"]), (&"b".into(), &false.into()));
}

#[rocket::async_test]
async fn what_only_helps_is_reported_and_no_more() {
    let helped = Dependencies { required: vec![probe("a", true)], helpful: vec![probe("b", false)] };
    let (status, body) = health(helped, "/health/ready", false).await;
    assert_eq!((status, &body["checks"][1]["ok"]), (Status::Ok, &false.into()));
}

#[rocket::async_test]
async fn a_unit_lives_whatever_its_dependencies_do() {
    let dead = Dependencies { required: vec![probe("a", false)], helpful: vec![] };
    assert_eq!(health(dead, "/health/live", false).await.0, Status::Ok);
}

#[rocket::async_test]
async fn the_metrics_are_those_of_the_registry() {
    let registry = Registry::new();
    let counter = IntCounter::new("things_total", "Things.").unwrap();
    registry.register(Box::new(counter.clone())).unwrap();
    counter.inc_by(7);
    let rocket = server(MANAGEMENT, Dependencies::default(), registry, CancellationToken::new());
    let client = Client::untracked(rocket).await.unwrap();
    let text = client.get("/metrics").dispatch().await.into_string().await.unwrap();
    assert!(text.contains("things_total 7"), "{text}");
}
