//! Answers that the front gives itself, in the shape of all others.

use std::net::IpAddr;
use std::time::Instant;

use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, VARY};
use hyper::http::StatusCode;
use keeper_telemetry::context::{RequestContext, TRACESTATE};
use keeper_telemetry::span::Span;
use keeper_wire::{ErrorBody, ErrorCode};
use rocket::http::Status;

use super::answer::{Answer, Body};
use super::method::method;
use crate::HttpMetrics;
use crate::access_log::shortened;
use crate::traces::{Answered, OTHER};
use crate::{problem, request_context};

/// Why the front answers a request itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Malformed,
    Http2,
    NoHost,
    KeyNotText,
    UnknownMethod,
    TransferCoding,
    BodyEnded,
    SlowBody,
    AddressTooLong,
    HeadTooLarge,
    Overloaded,
    Overdue,
    Internal,
}

/// What is known of the request that is refused.
pub(super) struct Refused<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    /// Whom it is from.
    pub(super) client: IpAddr,
    /// What proxies took from the path.
    pub(super) prefix: Option<String>,
    /// Its id, its trace, and its span, which ends with the answer.
    pub(super) request: (RequestContext, Span),
    pub(super) started: Instant,
    /// The lines of its `Accept`.
    pub(super) accepts: Vec<&'a str>,
}

impl Refusal {
    /// The status where it is not the code's own, the code, and the sentence.
    pub(super) fn parts(self) -> (Option<StatusCode>, ErrorCode, &'static str) {
        match self {
            Self::Malformed => (None, ErrorCode::Invalid, "the request is not valid HTTP"),
            Self::Http2 => (None, ErrorCode::Invalid, "this server speaks HTTP/1.1 only"),
            Self::NoHost => (None, ErrorCode::Invalid, "the request must have one valid Host header"),
            Self::KeyNotText => (None, ErrorCode::Invalid, "the Idempotency-Key is not UTF-8"),
            Self::UnknownMethod => (None, ErrorCode::MethodNotAllowed, "there is no such method"),
            Self::TransferCoding => {
                (None, ErrorCode::Invalid, "the only transfer coding that is understood is chunked")
            }
            Self::BodyEnded => (None, ErrorCode::Unreadable, "the body ended early"),
            Self::SlowBody => (None, ErrorCode::SlowRequest, "the body did not come in time"),
            Self::AddressTooLong => {
                (Some(StatusCode::URI_TOO_LONG), ErrorCode::TooLarge, "the address is too long")
            }
            Self::HeadTooLarge => (
                Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
                ErrorCode::TooLarge,
                "the request's head is too large",
            ),
            Self::Overloaded => {
                (None, ErrorCode::Overloaded, "the service has too much to do now; please try again")
            }
            Self::Overdue => {
                (None, ErrorCode::Timeout, "the service did not answer in time; please try again")
            }
            Self::Internal => (None, ErrorCode::Internal, "something went wrong on our side"),
        }
    }

    /// Nothing more can be read from the connection.
    fn closes(self) -> bool {
        !matches!(self, Self::Overloaded | Self::Overdue | Self::KeyNotText | Self::UnknownMethod)
    }

    /// Logs and counts the refusal, and gives the answer.
    pub(super) fn answer(self, mut request: Refused<'_>, metrics: Option<&HttpMetrics>) -> Answer {
        let (status, code, message) = self.parts();
        let status = status.or(StatusCode::from_u16(code.status()).ok());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (took, client) = (request.started.elapsed(), request.client);
        let Refused { method, path, request: (context, span), .. } = &mut request;
        let (method, path) = (*method, shortened(path));
        let request_id = &context.request_id;
        let (trace_id, span_id) = (context.trace_id(), context.span_id());
        let status_code = status.as_u16();
        let millis = (took.as_secs_f64() * 1e6).round() / 1e3;
        if status.is_server_error() && self != Self::Overloaded {
            tracing::error!(method, path, route = "none", status = status_code, millis, request_id, trace_id, span_id, %client, "request failed");
        } else {
            tracing::info!(method, path, route = "none", status = status_code, millis, request_id, trace_id, span_id, %client, code = code.as_str(), "request");
        }
        let known = self::method(method).is_some();
        if let Some(metrics) = metrics {
            metrics.observe(if known { method } else { "none" }, "none", status_code, took);
        }
        if span.is_recorded() {
            let (method, client, status) = (if known { method } else { OTHER }, Some(client), status_code);
            Answered { method, route: None, path, status, client, server: None }.describe(span);
        }
        let mut headers = HeaderMap::new();
        if let Ok(id) = HeaderValue::from_str(request_id) {
            headers.insert(HeaderName::from_static("x-request-id"), id);
        }
        if matches!(self, Self::Overloaded | Self::Overdue) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self == Self::UnknownMethod {
            headers.insert(ALLOW, HeaderValue::from_static("DELETE, GET, HEAD, POST, PUT"));
        }
        if self.closes() {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let body =
            ErrorBody { message: message.to_owned(), code, request_id: request_id.clone(), field: None };
        // Text and numbers can always be written.
        let (content_type, body) =
            problem::written(body, status_code, (request.prefix, path), request.accepts.iter().copied())
                .unwrap_or_default();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        // Which of its two forms an error has depends on that.
        headers.insert(VARY, HeaderValue::from_static("Accept"));
        Answer { status, headers, size: Some(body.len()), body: Body::Own(body), permit: None }
    }
}

/// The id, the trace and the span of a request that the front answers itself.
pub(super) fn begin(headers: &HeaderMap) -> (RequestContext, Span) {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let tracestates = headers.get_all(TRACESTATE).iter().filter_map(|value| value.to_str().ok());
    request_context::begin("HTTP", header, tracestates)
}

/// The answer to what hyper refuses before there is a request: its head as it is written on the connection.
pub(super) fn written(answer: &Answer) -> Vec<u8> {
    let reason = Status::new(answer.status.as_u16()).reason_lossy();
    let mut text = format!("HTTP/1.1 {} {reason}\r\n", answer.status.as_u16()).into_bytes();
    for (name, value) in &answer.headers {
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(format!("content-length: {}\r\n\r\n", answer.body.len()).as_bytes());
    text.extend_from_slice(answer.body.bytes());
    text
}
