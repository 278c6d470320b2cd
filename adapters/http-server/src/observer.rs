use std::time::Duration;

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};
use rocket::data::Data;
use rocket::fairing::{Fairing, Info, Kind};
use rocket::form::Form;
use rocket::http::{Header, Method};
use rocket::{Request, Response};

use crate::call::CallInfo;

/// The label of requests that no route took.
const NO_ROUTE: &str = "none";

/// How much of a form Rocket looks at for a method.
const LONGEST_FORM_METHOD: usize = "_method=delete".len();

/// The largest piece in which a body is handed on, in bytes.
const LARGEST_PIECE: usize = 64 * 1024;

/// Counts and times requests, logs one line for each, and answers its id.
#[derive(Clone)]
pub struct HttpMetrics {
    requests: IntCounterVec,
    seconds: HistogramVec,
}

impl HttpMetrics {
    /// Registers the instruments.
    ///
    /// # Errors
    /// They are registered already.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let requests = Opts::new("http_requests_total", "Requests answered.");
        let requests = IntCounterVec::new(requests, &["method", "route", "status"])?;
        let seconds =
            HistogramOpts::new("http_request_duration_seconds", "Time from a request's head to its answer.")
                .buckets(vec![
                    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
                ]);
        let seconds = HistogramVec::new(seconds, &["method", "route"])?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        Ok(Self { requests, seconds })
    }

    pub(crate) fn observe(&self, method: &str, route: &str, status: u16, took: Duration) {
        let mut digits = [0; 3];
        self.requests.with_label_values(&[method, route, three_digits(status, &mut digits)]).inc();
        self.seconds.with_label_values(&[method, route]).observe(took.as_secs_f64());
    }
}

#[rocket::async_trait]
impl Fairing for HttpMetrics {
    fn info(&self) -> Info {
        Info { name: "observer", kind: Kind::Request | Kind::Response }
    }

    async fn on_request(&self, request: &mut Request<'_>, data: &mut Data<'_>) {
        // Rocket lets a form's `_method` field replace the method of a POST. No route here takes forms, and none may be
        // reached through one: a page elsewhere could make a browser delete the catalogue.
        if request.content_type().is_some_and(|body| body.is_form())
            && form_method(data.peek(LONGEST_FORM_METHOD).await) == Some(request.method())
        {
            request.set_method(Method::Post);
        }
        CallInfo::of(request);
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let call = CallInfo::of(request);
        let took = call.started().elapsed();
        response.set_header(Header::new(keeper_telemetry::context::REQUEST_ID, call.request_id().to_owned()));
        // Rocket hands a body on in pieces of 4 KiB, each of which waits for the one before. A byte more than the body
        // spares the buffer in which it would look for the end.
        if let Some(size) = response.body().preset_size() {
            response.set_max_chunk_size((size + 1).min(LARGEST_PIECE));
        }
        let route = request.route().map_or(NO_ROUTE, |route| route.uri.as_str());
        let status = response.status().code;
        self.observe(call.method().as_str(), route, status, took);
        log(request, call, route, status, took);
    }
}

/// The method that a form asks for, as Rocket reads it.
fn form_method(body: &[u8]) -> Option<Method> {
    let first = Form::values(std::str::from_utf8(body).ok()?).next()?;
    if first.name == "_method" { first.value.parse().ok() } else { None }
}

/// The longest path of a log line, in bytes: a client must not decide how long our log is.
const LONGEST_PATH: usize = 1024;

/// As much of a path as a log line has.
pub(crate) fn shortened(path: &str) -> &str {
    &path[..path.floor_char_boundary(LONGEST_PATH)]
}

fn log(request: &Request<'_>, call: &CallInfo, route: &str, status: u16, took: Duration) {
    let method = call.method().as_str();
    let path = shortened(request.uri().path().as_str());
    let client = request.remote().map(|client| tracing::field::display(client.ip().to_canonical()));
    let request_id = call.request_id();
    let trace_id = call.trace_id();
    let (request_ids, caller) = (call.called_for(), call.caller());
    let millis = (took.as_secs_f64() * 1e6).round() / 1e3;
    match call.cause() {
        Some(cause) => {
            tracing::error!(
                method,
                path,
                route,
                status,
                millis,
                request_id,
                trace_id,
                request_ids,
                client,
                caller,
                cause,
                "request failed"
            );
        }
        None if status >= 500 => {
            tracing::error!(
                method,
                path,
                route,
                status,
                millis,
                request_id,
                trace_id,
                request_ids,
                client,
                caller,
                "request failed"
            );
        }
        None => {
            tracing::info!(
                method,
                path,
                route,
                status,
                millis,
                request_id,
                trace_id,
                request_ids,
                client,
                caller,
                "request"
            );
        }
    }
}

fn three_digits(status: u16, digits: &mut [u8; 3]) -> &str {
    for (place, digit) in [(100, 0), (10, 1), (1, 2)] {
        digits[digit] = b'0' + u8::try_from(status / place % 10).unwrap_or(0);
    }
    std::str::from_utf8(digits).unwrap_or("000")
}
