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
    // What is answered to a browser's question is no way to call.
    let routes = request.rocket().routes().filter(|route| route.method != Method::Options);
    let fitting: Vec<_> = routes
        .filter_map(|route| Some((wildcards(route.uri.path(), &path)?, route.method.as_str())))
        .collect();
    // An address of its own is not the one of something that happens to have its name.
    let fewest = fitting.iter().map(|(wildcards, _)| *wildcards).min();
    let mut methods: Vec<_> = fitting
        .into_iter()
        .filter(|(wildcards, _)| Some(*wildcards) == fewest)
        .map(|(_, method)| method)
        .collect();
    // Rocket answers it wherever GET is answered.
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.sort_unstable();
    methods.dedup();
    methods
}

/// How many parts of a route's pattern stand for any text, if the path fits it.
fn wildcards(pattern: &str, path: &[&str]) -> Option<usize> {
    let parts: Vec<_> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    let fits = |(part, is): (&&str, &&str)| part.starts_with('<') || part == is;
    (parts.len() == path.len() && parts.iter().zip(path).all(fits))
        .then(|| parts.iter().filter(|part| part.starts_with('<')).count())
}
