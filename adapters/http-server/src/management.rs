//! The management port: health and metrics, for the platform only.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use keeper_ports::Probe;
use prometheus::{Registry, TextEncoder};
use rocket::http::{ContentType, Status};
use rocket::serde::json::Json;
use rocket::{Build, Rocket, State, get, routes};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::front::ManagementSettings;
use crate::server::bare;

/// The longest time that a probe may take. A platform asks every few seconds and waits for less.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long requests in flight have at a stop, in seconds; they are all short.
const GRACE: u32 = 2;

/// What a unit needs to do its work.
#[derive(Clone, Default)]
pub struct Dependencies {
    /// The unit is not ready while one of these fails.
    pub required: Vec<Arc<dyn Probe>>,
    /// Reported, and no more: the unit does the greater part of its work without these.
    pub helpful: Vec<Arc<dyn Probe>>,
}

/// The server of the management port. It says that it is not ready as soon as `stopping` is cancelled.
pub fn server(
    settings: ManagementSettings,
    dependencies: Dependencies,
    registry: Registry,
    stopping: CancellationToken,
) -> Rocket<Build> {
    bare(settings.server(), GRACE)
        .manage(dependencies)
        .manage(registry)
        .manage(stopping)
        .mount("/", routes![live, ready, metrics])
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    checks: Vec<Check>,
}

#[derive(Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[get("/health/live")]
fn live() -> Json<Health> {
    Json(Health { status: "live", checks: Vec::new() })
}

#[get("/health/ready")]
async fn ready(
    dependencies: &State<Dependencies>,
    stopping: &State<CancellationToken>,
) -> (Status, Json<Health>) {
    let required = dependencies.required.iter().map(|probe| check(probe, true));
    let helpful = dependencies.helpful.iter().map(|probe| check(probe, false));
    let checks = join_all(required.chain(helpful).map(Box::pin)).await;
    let ready = checks.iter().all(|check| check.ok || !check.required);
    match (stopping.is_cancelled(), ready) {
        (true, _) => (Status::ServiceUnavailable, Json(Health { status: "stopping", checks })),
        (false, true) => (Status::Ok, Json(Health { status: "ready", checks })),
        (false, false) => (Status::ServiceUnavailable, Json(Health { status: "not ready", checks })),
    }
}

async fn check(probe: &Arc<dyn Probe>, required: bool) -> Check {
    let error = match tokio::time::timeout(PROBE_TIMEOUT, probe.check()).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.chain()),
        Err(_) => Some(format!("{} did not answer within {} s", probe.name(), PROBE_TIMEOUT.as_secs())),
    };
    Check { name: probe.name(), ok: error.is_none(), required, error }
}

#[get("/metrics")]
fn metrics(registry: &State<Registry>) -> Result<(ContentType, String), Status> {
    let text = TextEncoder::new().encode_to_string(&registry.gather());
    text.map(|text| (ContentType::new("text", "plain").with_params(("version", "0.0.4")), text))
        .map_err(|_| Status::InternalServerError)
}
