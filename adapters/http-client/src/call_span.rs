use keeper_telemetry::caller::{CALLER, CallerName};
use keeper_telemetry::context::{REQUEST_ID, REQUEST_IDS, RequestContext, TRACEPARENT, TRACESTATE};
use keeper_telemetry::span::{Span, SpanKind};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Request, StatusCode};

use crate::body::Unanswered;

/// Whether a request is sent for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    First,
    Second,
}

/// What a request to a service carries of the request that it is made for, and its span, by OpenTelemetry's semantic
/// conventions of HTTP. One of many requests that share a trip: the span has links to the others.
pub(crate) struct CallSpan {
    span: Option<Span>,
    /// The context that the service is told: that of the span, where there is one.
    context: Option<RequestContext>,
    made_for: Vec<RequestContext>,
}

impl CallSpan {
    pub(crate) fn begin(dependency: &'static str, request: &Request, attempt: Attempt) -> Self {
        let (context, made_for) = (RequestContext::current(), RequestContext::shared_by());
        let begun = context.as_ref().and_then(|context| {
            let others: Vec<_> = made_for.iter().filter(|other| *other != context).cloned().collect();
            Span::below(context, SpanKind::Client, request.method().to_string(), &others)
        });
        match begun {
            None => Self { span: None, context, made_for },
            Some((mut span, below)) => {
                describe(&mut span, dependency, request, attempt);
                Self { span: Some(span), context: Some(below), made_for }
            }
        }
    }

    /// Writes the id, the trace and the caller's name, and, where the request is made for many, the ids of them all.
    pub(crate) fn write_headers(&self, headers: &mut HeaderMap) {
        // What came over HTTP can go on over HTTP; anything else is left out.
        let mut write = |name: &str, value: &str| {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
                headers.insert(name, value);
            }
        };
        if let Some(context) = &self.context {
            write(REQUEST_ID, &context.request_id);
            for (name, value) in [(TRACEPARENT, &context.traceparent), (TRACESTATE, &context.tracestate)] {
                if let Some(value) = value {
                    write(name, value);
                }
            }
        }
        let callers = self.made_for.iter().chain(&self.context).filter_map(|context| context.caller.clone());
        if let Some(callers) = CallerName::of_all(callers) {
            write(CALLER, callers.as_str());
        }
        if self.made_for.len() > 1 {
            let ids: Vec<&str> = self.made_for.iter().map(|context| context.request_id.as_str()).collect();
            write(REQUEST_IDS, &ids.join(","));
        }
    }

    /// Ends it with the answer's status, or with the failure.
    pub(crate) fn end(self, status: Result<StatusCode, &Unanswered>) {
        let Some(mut span) = self.span else { return };
        match status {
            Ok(status) => {
                span.set("http.response.status_code", i64::from(status.as_u16()));
                // For who asks, the client's faults are failures, too.
                if status.is_client_error() || status.is_server_error() {
                    span.fail(status.as_u16().to_string());
                }
            }
            Err(Unanswered::Interrupted(error)) if error.is_timeout() => span.fail("timeout"),
            Err(Unanswered::Interrupted(error)) if error.is_connect() => span.fail("connect"),
            Err(Unanswered::TooLong) => span.fail("too_long"),
            Err(_) => span.fail("broken"),
        }
    }
}

/// The query is left out: it may name a person.
fn describe(span: &mut Span, dependency: &'static str, request: &Request, attempt: Attempt) {
    let mut url = request.url().clone();
    url.set_query(None);
    span.set("http.request.method", request.method().to_string());
    span.set("url.full", url.to_string());
    span.set("service.peer.name", dependency);
    if let Some(host) = url.host_str() {
        span.set("server.address", host.to_owned());
    }
    if let Some(port) = url.port_or_known_default() {
        span.set("server.port", i64::from(port));
    }
    if attempt == Attempt::Second {
        span.set("http.request.resend_count", 1);
    }
}
