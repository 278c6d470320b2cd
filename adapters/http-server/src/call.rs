use std::net::IpAddr;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use keeper_telemetry::caller::{CALLER, CallerName};
use keeper_telemetry::context::{REQUEST_ID, REQUEST_IDS, RequestContext, TRACESTATE, is_sane_request_id};
use keeper_telemetry::span::Span;
use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::{Header, Method};
use rocket::outcome::Outcome;
use rocket::request::{self, FromRequest};
use rocket::{Data, Request, Response};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::request::{OpenApiFromRequest, RequestHeaderInput};

use crate::auth::address;
use crate::request_context;

/// So many ids of other requests a log line has.
const MOST_IDS: usize = 10;

/// What is known of a request from its first moment to its log line.
pub(crate) struct CallInfo {
    started: Instant,
    method: Method,
    /// Whom it is from.
    client: IpAddr,
    context: RequestContext,
    span: Mutex<Span>,
    cause: OnceLock<String>,
    called_for: OnceLock<String>,
    caller: OnceLock<CallerName>,
}

impl CallInfo {
    /// The request's information, made at the first look at it.
    pub(crate) fn of<'r>(request: &'r Request<'_>) -> &'r Self {
        request.local_cache(|| {
            let (headers, method) = (request.headers(), request.method());
            let (context, span) = request_context::begin(
                method.as_str(),
                |name| headers.get_one(name),
                headers.get(TRACESTATE),
            );
            Self {
                started: Instant::now(),
                method,
                client: address::of_client(request),
                context,
                span: Mutex::new(span),
                cause: OnceLock::new(),
                called_for: OnceLock::new(),
                caller: OnceLock::new(),
            }
        })
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// The method as it was sent: Rocket makes GET of HEAD on the way.
    pub(crate) fn method(&self) -> Method {
        self.method
    }

    /// The client's address: of limits, audit lines, the log and spans alike.
    pub(crate) fn client(&self) -> IpAddr {
        self.client
    }

    pub(crate) fn request_id(&self) -> &str {
        &self.context.request_id
    }

    pub(crate) fn context(&self) -> &RequestContext {
        &self.context
    }

    /// Looks at the request's span, if it is recorded.
    pub(crate) fn in_recorded_span(&self, look: impl FnOnce(&mut Span)) {
        let mut span = self.span.lock().unwrap_or_else(PoisonError::into_inner);
        if span.is_recorded() {
            look(&mut span);
        }
    }

    /// Keeps the cause of a failure for the log line.
    pub(crate) fn set_cause(&self, cause: String) {
        // The first cause is the one that was answered.
        let _ = self.cause.set(cause);
    }

    pub(crate) fn cause(&self) -> Option<&str> {
        self.cause.get().map(String::as_str)
    }

    /// Keeps who was let in, for the log line: the name of their credentials, which opens nothing.
    pub(crate) fn set_caller(&self, caller: CallerName) {
        let _ = self.caller.set(caller);
    }

    /// Keeps whom another of our units made the request for. Only units that ask nobody believe it.
    pub(crate) fn take_caller(&self, request: &Request<'_>) {
        if let Some(caller) = request.headers().get_one(CALLER).and_then(CallerName::parse) {
            self.set_caller(caller);
        }
    }

    pub(crate) fn caller(&self) -> Option<&CallerName> {
        self.caller.get()
    }

    /// The ids of the requests that this one is made for, when it is made for many.
    pub(crate) fn called_for(&self) -> Option<&str> {
        self.called_for.get().map(String::as_str)
    }
}

/// Gives each request its id and its beginning, before anything else looks at it, and answers the id.
pub(crate) struct RequestIds;

#[rocket::async_trait]
impl Fairing for RequestIds {
    fn info(&self) -> Info {
        Info { name: "request ids", kind: Kind::Request | Kind::Response }
    }

    async fn on_request(&self, request: &mut Request<'_>, _: &mut Data<'_>) {
        CallInfo::of(request);
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        response.set_header(Header::new(REQUEST_ID, CallInfo::of(request).request_id().to_owned()));
    }
}

/// The context in which a handler calls a port, so that the call carries the request's id and its caller's name.
pub(crate) struct Call(RequestContext);

impl Call {
    pub(crate) async fn run<F: Future>(self, call: F) -> F::Output {
        self.0.scope(call).await
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Call {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Self::Error> {
        let call = CallInfo::of(request);
        Outcome::Success(Self(RequestContext { caller: call.caller().cloned(), ..call.context.clone() }))
    }
}

/// Keeps the ids of the requests that this one is made for, so that each of them is found in the log.
pub(crate) struct CalledFor;

#[rocket::async_trait]
impl<'r> FromRequest<'r> for CalledFor {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Self::Error> {
        let ids = request.headers().get_one(REQUEST_IDS);
        if let Some(ids) = ids.filter(|ids| ids.split(',').all(is_sane_request_id)) {
            let _ = CallInfo::of(request).called_for.set(first_ids(ids));
        }
        CallInfo::of(request).take_caller(request);
        Outcome::Success(Self)
    }
}

/// The first of these ids, and how many there are in all: clients choose them, and must not decide how long a log line is.
fn first_ids(ids: &str) -> String {
    match ids.match_indices(',').nth(MOST_IDS - 1) {
        None => ids.to_owned(),
        Some((end, _)) => format!("{} and {} more", &ids[..end], ids[end..].matches(',').count()),
    }
}

macro_rules! undocumented {
    ($($guard:ty),+) => {$(
        impl OpenApiFromRequest<'_> for $guard {
            fn from_request_input(
                _: &mut OpenApiGenerator,
                _: String,
                _: bool,
            ) -> rocket_okapi::Result<RequestHeaderInput> {
                Ok(RequestHeaderInput::None)
            }
        }
    )+};
}

undocumented!(Call, CalledFor);

#[cfg(test)]
mod tests {
    use super::first_ids;

    #[test]
    fn a_line_names_ten_ids_and_counts_the_others() {
        let ids = |number: usize| vec!["a"; number].join(",");
        for number in [1, 2, 10] {
            assert_eq!(first_ids(&ids(number)), ids(number));
        }
        assert_eq!(first_ids(&ids(11)), format!("{} and 1 more", ids(10)));
        assert_eq!(first_ids(&ids(100)), format!("{} and 90 more", ids(10)));
    }
}
