use std::time::Duration;

use hyper::StatusCode;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};
use rocket::fairing::{Fairing, Info, Kind};
use rocket::{Request, Response};

use crate::call::CallInfo;

/// The label of requests that no route took.
pub(crate) const NO_ROUTE: &str = "none";

/// Counts and times requests.
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
        // Only 100 to 999 are statuses; no answer of ours has another one.
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.requests.with_label_values(&[method, route, status.as_str()]).inc();
        self.seconds.with_label_values(&[method, route]).observe(took.as_secs_f64());
    }
}

#[rocket::async_trait]
impl Fairing for HttpMetrics {
    fn info(&self) -> Info {
        Info { name: "metrics of requests", kind: Kind::Response }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let call = CallInfo::of(request);
        let route = request.route().map_or(NO_ROUTE, |route| route.uri.as_str());
        self.observe(call.method().as_str(), route, response.status().code, call.started().elapsed());
    }
}
