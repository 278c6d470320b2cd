use std::path::PathBuf;

use rocket::http::{Header, Status};
use rocket::outcome::Outcome;
use rocket::request::{self, FromRequest};
use rocket::response::Responder;
use rocket::{Request, Route, options, routes};

use super::Cors;

const METHODS: &str = "GET, POST, PUT, DELETE";
const HEADERS: &str = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, traceparent, tracestate, \
    X-Api-Key, X-Request-Id";
/// How long a browser may remember the answer, in seconds.
const MAX_AGE: &str = "600";

/// A browser's question before a call, asked for a page that may call. Any other OPTIONS has no route.
struct Preflight;

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Preflight {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, Self::Error> {
        let asks = request.headers().contains("Access-Control-Request-Method");
        let cors = request.rocket().state::<Cors>();
        match cors.and_then(|cors| cors.allowed(request.headers())) {
            Some(_) if asks => Outcome::Success(Self),
            _ => Outcome::Forward(Status::NotFound),
        }
    }
}

#[derive(Responder)]
#[response(status = 204)]
struct Permission {
    body: (),
    methods: Header<'static>,
    headers: Header<'static>,
    max_age: Header<'static>,
}

pub(super) fn routes() -> Vec<Route> {
    routes![permit]
}

#[options("/api/<_path..>")]
fn permit(_path: PathBuf, _preflight: Preflight) -> Permission {
    Permission {
        body: (),
        methods: Header::new("Access-Control-Allow-Methods", METHODS),
        headers: Header::new("Access-Control-Allow-Headers", HEADERS),
        max_age: Header::new("Access-Control-Max-Age", MAX_AGE),
    }
}
