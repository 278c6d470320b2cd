use std::borrow::Cow;
use std::io::Cursor;

use keeper_domain::Invalid;
use keeper_ports::PortError;
use keeper_wire::body::BodyError;
use keeper_wire::{ErrorBody, ErrorCode};
use rocket::Request;
use rocket::http::{Header, Status};
use rocket::response::{Responder, Response};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::Responses;
use rocket_okapi::response::OpenApiResponderInner;

use crate::access_log::shortened;
use crate::call::CallInfo;
use crate::{prefix, problem};

/// Seconds after which a client may try again when a dependency is away: about what a restart takes.
const RETRY_AFTER: &str = "2";

/// An error as the API answers it.
#[derive(Debug)]
pub struct ApiError {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
    pub(crate) field: Option<Cow<'static, str>>,
    /// For the log; a client never sees it.
    pub(crate) cause: Option<String>,
    /// Headers that belong to it, such as the methods that the path has.
    pub(crate) headers: Vec<Header<'static>>,
}

impl ApiError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: None, cause: None, headers: Vec::new() }
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotFound, message)
    }
}

impl From<Invalid> for ApiError {
    fn from(invalid: Invalid) -> Self {
        Self { field: Some(invalid.field().into()), ..Self::new(ErrorCode::Invalid, invalid.to_string()) }
    }
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Invalid(invalid) => invalid.into(),
            BodyError::Unreadable(message) => Self::new(ErrorCode::Unreadable, message),
        }
    }
}

impl From<PortError> for ApiError {
    fn from(error: PortError) -> Self {
        let (code, message) = match &error {
            PortError::Unavailable { .. } => {
                (ErrorCode::Unavailable, "the service cannot do this now; please try again")
            }
            PortError::TimedOut { .. } => {
                (ErrorCode::Timeout, "the service did not answer in time; please try again")
            }
            PortError::Failed { .. } => (ErrorCode::Internal, "something went wrong on our side"),
        };
        Self { cause: Some(error.chain()), ..Self::new(code, message) }
    }
}

impl<'r> Responder<'r, 'static> for ApiError {
    fn respond_to(self, request: &'r Request<'_>) -> rocket::response::Result<'static> {
        let call = CallInfo::of(request);
        if let Some(cause) = self.cause {
            call.set_cause(cause);
        }
        let body = ErrorBody {
            message: self.message,
            code: self.code,
            request_id: call.request_id().to_owned(),
            field: self.field.map(Cow::into_owned),
        };
        let status = self.code.status();
        let address = (prefix::of(request), shortened(request.uri().path().as_str()));
        let (content_type, body) = problem::written(body, status, address, request.headers().get("Accept"))
            .map_err(|_| Status::InternalServerError)?;
        let mut response = Response::build();
        response.status(Status::new(status)).header(Header::new("Content-Type", content_type));
        // Which of its two forms an error has depends on that.
        response.header(Header::new("Vary", "Accept"));
        if matches!(self.code, ErrorCode::Unavailable | ErrorCode::Overloaded | ErrorCode::Timeout) {
            response.header(Header::new("Retry-After", RETRY_AFTER));
        }
        for header in self.headers {
            response.header(header);
        }
        response.sized_body(body.len(), Cursor::new(body)).ok()
    }
}

/// Which errors a route answers is said per operation, in [`crate::docs`].
impl OpenApiResponderInner for ApiError {
    fn responses(_: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        Ok(Responses::default())
    }
}
