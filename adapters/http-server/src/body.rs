use std::marker::PhantomData;

use keeper_wire::ErrorCode;
use rocket::Request;
use rocket::data::{self, Data, FromData, Outcome, ToByteUnit};
use rocket::http::Status;
use rocket::tokio::io::AsyncReadExt;
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::{MediaType as BodyDocs, RequestBody};
use rocket_okapi::request::OpenApiFromData;
use schemars::JsonSchema;

use crate::front::{LateBody, MAX_BODY_BYTES};
use crate::{ApiError, media};

/// A JSON body; `T` says in the documentation what it must be. By the request's head it is one.
pub(crate) struct Body<T> {
    sent: Sent,
    announced: Option<u64>,
    is: PhantomData<T>,
}

enum Sent {
    /// As Rocket read it.
    Whole(Vec<u8>),
    /// Its sender waits for our word.
    Later(LateBody),
}

impl<T> Body<T> {
    /// The body's bytes. A sender that waits for our word has it now: so everything that the head alone says comes before.
    ///
    /// # Errors
    /// The body is too large, ends early, does not come in time, or is not written in UTF-8.
    pub(crate) async fn bytes(self) -> Result<Vec<u8>, ApiError> {
        let bytes = match self.sent {
            Sent::Whole(bytes) => bytes,
            Sent::Later(late) => late.read().await?,
        };
        if bytes.len() > MAX_BODY_BYTES {
            return Err(too_large());
        }
        if self.announced.is_some_and(|length| length != bytes.len() as u64) {
            return Err(ApiError::new(ErrorCode::Unreadable, "the body ended early"));
        }
        media::check_bytes(&bytes)?;
        Ok(bytes)
    }
}

#[rocket::async_trait]
impl<'r, T: Send> FromData<'r> for Body<T> {
    type Error = ApiError;

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> data::Outcome<'r, Self> {
        match read(request, data).await {
            Ok(body) => Outcome::Success(body),
            Err(error) => Outcome::Error((Status::new(error.code.status()), error)),
        }
    }
}

async fn read<T>(request: &Request<'_>, data: Data<'_>) -> Result<Body<T>, ApiError> {
    let headers = request.headers();
    media::check(headers.get("Content-Type"), headers.get("Content-Encoding"))?;
    // What is announced too large is refused before a byte of it is taken.
    let announced = headers.get_one("Content-Length").and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_BODY_BYTES as u64) {
        return Err(too_large());
    }
    if let Some(late) = LateBody::of(request) {
        return Ok(Body { sent: Sent::Later(late), announced, is: PhantomData });
    }
    let mut body = Vec::with_capacity(announced.map_or(0, |length| usize::try_from(length + 1).unwrap_or(0)));
    // One byte more tells a body that is too large from one that just fits.
    match data.open((MAX_BODY_BYTES + 1).bytes()).read_to_end(&mut body).await {
        Ok(_) => Ok(Body { sent: Sent::Whole(body), announced, is: PhantomData }),
        Err(error) => {
            let message = format!("the body ended early: {}", error.kind());
            Err(ApiError::new(ErrorCode::Unreadable, message))
        }
    }
}

fn too_large() -> ApiError {
    ApiError::new(ErrorCode::TooLarge, format!("the body must be at most {MAX_BODY_BYTES} bytes long"))
}

impl<T: JsonSchema + Send> OpenApiFromData<'_> for Body<T> {
    fn request_body(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<RequestBody> {
        let schema = BodyDocs { schema: Some(generator.json_schema::<T>()), ..BodyDocs::default() };
        Ok(RequestBody {
            content: [("application/json".to_owned(), schema)].into_iter().collect(),
            required: true,
            ..RequestBody::default()
        })
    }
}
