//! The management port: health and metrics, for the platform only.

use prometheus::{Registry, TextEncoder};
use rocket::http::{ContentType, Status};
use rocket::serde::json::Json;
use rocket::{Build, Rocket, State, get, routes};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::front::ManagementSettings;
use crate::readiness::{Check, Readiness, ReadinessStatus};
use crate::server::bare;

/// How long requests in flight have at a stop, in seconds; they are all short.
const GRACE: u32 = 2;

/// The server of the management port. It says that the unit is not ready as soon as `stopping` is cancelled.
pub fn server(
    settings: ManagementSettings,
    readiness: Readiness,
    registry: Registry,
    stopping: CancellationToken,
) -> Rocket<Build> {
    bare(settings.server(), GRACE)
        .manage(readiness)
        .manage(registry)
        .manage(stopping)
        .mount("/", routes![live, ready, metrics])
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum HealthStatus {
    Live,
    Stopping,
    #[serde(untagged)]
    Readiness(ReadinessStatus),
}

#[derive(Serialize)]
struct Health {
    status: HealthStatus,
    checks: Vec<Check>,
}

#[get("/health/live")]
fn live() -> Json<Health> {
    Json(Health { status: HealthStatus::Live, checks: Vec::new() })
}

/// What was last heard of the dependencies: none of them is asked now, so the answer comes at once.
#[get("/health/ready")]
fn ready(readiness: &State<Readiness>, stopping: &State<CancellationToken>) -> (Status, Json<Health>) {
    let (code, status) = match readiness.status() {
        _ if stopping.is_cancelled() => (Status::ServiceUnavailable, HealthStatus::Stopping),
        ReadinessStatus::Starting => {
            (Status::ServiceUnavailable, HealthStatus::Readiness(ReadinessStatus::Starting))
        }
        status => (Status::Ok, HealthStatus::Readiness(status)),
    };
    (code, Json(Health { status, checks: readiness.checks() }))
}

#[get("/metrics")]
fn metrics(registry: &State<Registry>) -> Result<(ContentType, String), Status> {
    let text = TextEncoder::new().encode_to_string(&registry.gather());
    text.map(|text| (ContentType::new("text", "plain").with_params(("version", "0.0.4")), text))
        .map_err(|_| Status::InternalServerError)
}
