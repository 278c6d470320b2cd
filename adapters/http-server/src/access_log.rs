//! One line of log for each request.

use keeper_telemetry::caller::CallerName;
use rocket::fairing::AdHoc;
use rocket::{Request, Response};

use crate::call::CallInfo;
use crate::http_metrics::NO_ROUTE;

/// The longest path of a log line, in bytes: a client must not decide how long our log is.
const LONGEST_PATH: usize = 1024;

pub(crate) fn fairing() -> AdHoc {
    AdHoc::on_response("access log", |request, response| {
        write(request, response);
        Box::pin(std::future::ready(()))
    })
}

/// As much of a path as a log line has.
pub(crate) fn shortened(path: &str) -> &str {
    &path[..path.floor_char_boundary(LONGEST_PATH)]
}

fn write(request: &Request<'_>, response: &Response<'_>) {
    let call = CallInfo::of(request);
    let route = request.route().map_or(NO_ROUTE, |route| route.uri.as_str());
    let status = response.status().code;
    let millis = (call.started().elapsed().as_secs_f64() * 1e6).round() / 1e3;
    let method = call.method().as_str();
    let path = shortened(request.uri().path().as_str());
    let client = call.client();
    let (request_id, request_ids) = (call.request_id(), call.called_for());
    let (trace_id, span_id) = (call.context().trace_id(), call.context().span_id());
    let (caller, cause) = (call.caller().map(CallerName::as_str), call.cause());
    // A macro each, since the level is a constant; fields without a value are left out.
    if cause.is_some() || status >= 500 {
        tracing::error!(
            method,
            path,
            route,
            status,
            millis,
            request_id,
            trace_id,
            span_id,
            request_ids,
            %client,
            caller,
            cause,
            "request failed"
        );
    } else {
        tracing::info!(
            method,
            path,
            route,
            status,
            millis,
            request_id,
            trace_id,
            span_id,
            request_ids,
            %client,
            caller,
            "request"
        );
    }
}
