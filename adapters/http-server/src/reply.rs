//! Answers that carry more than a body.

use rocket::Request;
use rocket::http::{Header, Status};
use rocket::response::{self, Responder, Response};
use rocket::serde::json::Json;
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::Responses;
use rocket_okapi::response::OpenApiResponderInner;
use schemars::JsonSchema;
use serde::Serialize;

use crate::ApiError;

pub(crate) type Reply<T> = Result<T, ApiError>;

/// 201 with the address of what was made.
#[derive(Responder)]
#[response(status = 201)]
pub(crate) struct Created<T> {
    pub(crate) body: Json<T>,
    pub(crate) location: Header<'static>,
    pub(crate) etag: Header<'static>,
}

impl<T: Serialize + JsonSchema + Send> OpenApiResponderInner for Created<T> {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        let mut responses = Json::<T>::responses(generator)?;
        if let Some(response) = responses.responses.shift_remove("200") {
            responses.responses.insert("201".into(), response);
        }
        Ok(responses)
    }
}

/// 200 with the version of what is answered (`ETag`). It may be kept, and must be asked for again before it is used.
#[derive(Responder)]
pub(crate) struct Versioned<T> {
    pub(crate) body: Json<T>,
    pub(crate) etag: Header<'static>,
    pub(crate) cache: Header<'static>,
}

impl<T> Versioned<T> {
    pub(crate) fn new(body: T, etag: Header<'static>) -> Self {
        Self { body: Json(body), etag, cache: revalidated() }
    }
}

impl<T: Serialize + JsonSchema + Send> OpenApiResponderInner for Versioned<T> {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        Json::<T>::responses(generator)
    }
}

/// What is asked for, or 304 where the caller has it already.
pub(crate) enum Fresh<T> {
    Body(Versioned<T>),
    NotModified(Header<'static>),
}

impl<'r, T: Serialize> Responder<'r, 'static> for Fresh<T> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        match self {
            Self::Body(body) => body.respond_to(request),
            Self::NotModified(etag) => {
                Response::build().status(Status::NotModified).header(etag).header(revalidated()).ok()
            }
        }
    }
}

impl<T: Serialize + JsonSchema + Send> OpenApiResponderInner for Fresh<T> {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        Json::<T>::responses(generator)
    }
}

/// It may be kept, and must be asked for again before it is used.
pub(crate) fn revalidated() -> Header<'static> {
    Header::new("Cache-Control", "no-cache")
}

/// Nobody may keep it: it is somebody's own.
pub(crate) fn uncached() -> Header<'static> {
    Header::new("Cache-Control", "no-store")
}

/// 200 that nobody may keep.
#[derive(Responder)]
pub(crate) struct Uncached<T> {
    body: T,
    cache: Header<'static>,
}

impl<T> Uncached<T> {
    pub(crate) fn new(body: T) -> Self {
        Self { body, cache: uncached() }
    }
}

impl<T: OpenApiResponderInner> OpenApiResponderInner for Uncached<T> {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        T::responses(generator)
    }
}

/// 200 with the address under which what was accepted can be read.
#[derive(Responder)]
pub(crate) struct Accepted<T> {
    pub(crate) body: Json<T>,
    pub(crate) location: Header<'static>,
}

impl<T: Serialize + JsonSchema + Send> OpenApiResponderInner for Accepted<T> {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        Json::<T>::responses(generator)
    }
}

/// 200 that says in a header how many were deleted.
#[derive(Responder)]
pub(crate) struct Cleared<T> {
    pub(crate) body: Json<T>,
    pub(crate) count: Header<'static>,
}

impl<T: Serialize + JsonSchema + Send> OpenApiResponderInner for Cleared<T> {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        Json::<T>::responses(generator)
    }
}
