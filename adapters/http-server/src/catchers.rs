//! Errors that Rocket itself answers, in the shape of all others.

use keeper_wire::ErrorCode;
use rocket::http::{Header, Method, Status};
use rocket::{Catcher, Request, catch, catchers};

use crate::ApiError;
use crate::call::CallInfo;

pub(crate) fn all() -> Vec<Catcher> {
    catchers![not_found, any]
}

#[catch(404)]
fn not_found(request: &Request<'_>) -> ApiError {
    let allowed = methods_of(request);
    if allowed.is_empty() {
        return ApiError::not_found("there is nothing at this address; see /api-docs");
    }
    let allow = allowed.join(", ");
    let message = format!("{} is not possible here; use {allow}", CallInfo::of(request).method());
    ApiError {
        headers: vec![Header::new("Allow", allow)],
        ..ApiError::new(ErrorCode::MethodNotAllowed, message)
    }
}

#[catch(default)]
fn any(status: Status, _: &Request<'_>) -> ApiError {
    match status.code {
        413 => ApiError::new(ErrorCode::TooLarge, "the request is too large"),
        415 => ApiError::new(ErrorCode::UnsupportedMediaType, "this content type is not understood"),
        503 => ApiError::new(ErrorCode::Unavailable, "the service cannot do this now; please try again"),
        400..=499 => ApiError::new(ErrorCode::Invalid, "the request is not valid HTTP for this service"),
        _ => ApiError::new(ErrorCode::Internal, "something went wrong on our side"),
    }
}

/// The methods under which the request's path has a route. Rocket 0.5 answers 404 for a wrong method.
fn methods_of(request: &Request<'_>) -> Vec<&'static str> {
    let path: Vec<_> = request.uri().path().segments().collect();
    let mut methods: Vec<_> = request
        .rocket()
        .routes()
        // What is answered to a browser's question is no way to call.
        .filter(|route| route.method != Method::Options)
        .filter(|route| {
            let pattern: Vec<_> = route.uri.path().split('/').filter(|part| !part.is_empty()).collect();
            pattern.len() == path.len()
                && pattern.iter().zip(&path).all(|(part, is)| part.starts_with('<') || part == is)
        })
        .map(|route| route.method.as_str())
        .collect();
    // Rocket answers it wherever GET is answered.
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.sort_unstable();
    methods.dedup();
    methods
}
