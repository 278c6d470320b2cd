use std::sync::Arc;

use keeper_http_server::management::server;
use keeper_http_server::{Dependencies, Readiness};
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

/// Asks each dependency that is up once.
async fn known(readiness: &Readiness) {
    for watched in readiness.dependencies() {
        watched.record(watched.probe().check().await.map_err(|error| error.chain()));
    }
}

fn readiness(required: &[(&'static str, bool)], helpful: &[(&'static str, bool)]) -> Readiness {
    let probes = |list: &[(&'static str, bool)]| list.iter().map(|(name, up)| probe(name, *up)).collect();
    let dependencies = Dependencies { required: probes(required), helpful: probes(helpful) };
    Readiness::new(dependencies, &Registry::new()).unwrap()
}

async fn health(readiness: &Readiness, path: &'static str, stopping: bool) -> (Status, Value) {
    let stop = CancellationToken::new();
    if stopping {
        stop.cancel();
    }
    let rocket = server(MANAGEMENT, readiness.clone(), Registry::new(), stop);
    let client = Client::untracked(rocket).await.unwrap();
    let response = client.get(path).dispatch().await;
    (response.status(), serde_json::from_str(&response.into_string().await.unwrap()).unwrap())
}

#[rocket::async_test]
async fn a_unit_is_ready_when_all_that_it_requires_has_answered_once() {
    let all = readiness(&[("a", true), ("b", true)], &[]);
    let (status, body) = health(&all, "/health/ready", false).await;
    assert_eq!((status, &body["status"]), (Status::ServiceUnavailable, &"starting".into()));
    known(&all).await;
    let (status, body) = health(&all, "/health/ready", false).await;
    assert_eq!((status, &body["status"]), (Status::Ok, &"ready".into()));
    let (status, body) = health(&all, "/health/ready", true).await;
    assert_eq!((status, &body["status"]), (Status::ServiceUnavailable, &"stopping".into()));

    let one = readiness(&[("a", true), ("b", false)], &[]);
    known(&one).await;
    let (status, body) = health(&one, "/health/ready", false).await;
    assert_eq!((status, &body["status"]), (Status::ServiceUnavailable, &"starting".into()));
    assert_eq!((&body["checks"][1]["name"], &body["checks"][1]["ok"]), (&"b".into(), &false.into()));
}

#[rocket::async_test]
async fn a_dependency_that_goes_away_later_leaves_the_unit_ready() {
    let readiness = readiness(&[("a", true), ("b", true)], &[]);
    known(&readiness).await;
    readiness.dependencies().next().unwrap().record(Err("refused".to_owned()));
    let (status, body) = health(&readiness, "/health/ready", false).await;
    assert_eq!((status, &body["status"]), (Status::Ok, &"degraded".into()));
    assert_eq!((&body["checks"][0]["ok"], &body["checks"][0]["error"]), (&false.into(), &"refused".into()));
    known(&readiness).await;
    assert_eq!(health(&readiness, "/health/ready", false).await.1["status"], "ready");
}

#[rocket::async_test]
async fn what_only_helps_need_not_answer() {
    let helped = readiness(&[("a", true)], &[("b", false)]);
    known(&helped).await;
    let (status, body) = health(&helped, "/health/ready", false).await;
    assert_eq!((status, &body["checks"][1]["ok"]), (Status::Ok, &false.into()));
}

#[rocket::async_test]
async fn a_unit_lives_whatever_its_dependencies_do() {
    assert_eq!(health(&readiness(&[("a", false)], &[]), "/health/live", false).await.0, Status::Ok);
}

#[rocket::async_test]
async fn each_dependency_has_a_gauge_from_the_start() {
    let registry = Registry::new();
    let dependencies = Dependencies { required: vec![probe("a", true)], helpful: vec![probe("b", false)] };
    let readiness = Readiness::new(dependencies, &registry).unwrap();
    let text = || prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    assert!(text().contains(r#"dependency_up{name="a"} 0"#), "{}", text());
    known(&readiness).await;
    for series in [r#"dependency_up{name="a"} 1"#, r#"dependency_up{name="b"} 0"#] {
        assert!(text().contains(series), "{}", text());
    }
}

#[rocket::async_test]
async fn the_metrics_are_those_of_the_registry() {
    let registry = Registry::new();
    let counter = IntCounter::new("things_total", "Things.").unwrap();
    registry.register(Box::new(counter.clone())).unwrap();
    counter.inc_by(7);
    let rocket = server(MANAGEMENT, readiness(&[], &[]), registry, CancellationToken::new());
    let client = Client::untracked(rocket).await.unwrap();
    let text = client.get("/metrics").dispatch().await.into_string().await.unwrap();
    assert!(text.contains("things_total 7"), "{text}");
}
