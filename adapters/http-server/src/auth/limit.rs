//! What is said of a caller's quota: headers of the IETF draft `draft-ietf-httpapi-ratelimit-headers-11`.

use std::sync::Mutex;
use std::time::Duration;

use keeper_domain::RatePolicy;
use keeper_ports::access::Quota;
use keeper_wire::ErrorCode;
use rocket::http::Header;
use rocket::{Request, Response};

use crate::ApiError;

/// The quota of a request, until its answer is written. Where two were asked, the last one decided.
#[derive(Default)]
struct Remembered(Mutex<Option<(RatePolicy, Quota)>>);

pub(super) fn remember(request: &Request<'_>, policy: RatePolicy, quota: Quota) {
    let remembered = request.local_cache(Remembered::default);
    if let Ok(mut place) = remembered.0.lock() {
        *place = Some((policy, quota));
    }
}

pub(super) fn write_headers(request: &Request<'_>, response: &mut Response<'_>) {
    let remembered = request.local_cache(Remembered::default);
    let Some((policy, quota)) = remembered.0.lock().ok().and_then(|place| *place) else { return };
    let (name, window) = (policy.as_str(), quota.window.as_secs());
    response.set_header(Header::new("RateLimit-Policy", format!("\"{name}\";q={};w={window}", quota.limit)));
    let reset = seconds(quota.reset);
    response.set_header(Header::new("RateLimit", format!("\"{name}\";r={};t={reset}", quota.remaining)));
}

/// The answer to one call too many.
pub(super) fn limited(quota: Quota) -> ApiError {
    let message = "there were too many of these calls; please try again later";
    let header = Header::new("Retry-After", seconds(quota.reset).max(1).to_string());
    ApiError { headers: vec![header], ..ApiError::new(ErrorCode::RateLimited, message) }
}

/// Whole seconds, never too few.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
