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

use crate::{ApiError, media};

/// The largest body: 64 KiB.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;

/// A JSON body that has not been read yet; `T` says in the documentation what it must be.
pub(crate) struct Body<T> {
    pub(crate) bytes: Vec<u8>,
    is: PhantomData<T>,
}

#[rocket::async_trait]
impl<'r, T: Send> FromData<'r> for Body<T> {
    type Error = ApiError;

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> data::Outcome<'r, Self> {
        match read(request, data).await {
            Ok(bytes) => Outcome::Success(Self { bytes, is: PhantomData }),
            Err(error) => Outcome::Error((Status::new(error.code.status()), error)),
        }
    }
}

async fn read(request: &Request<'_>, data: Data<'_>) -> Result<Vec<u8>, ApiError> {
    let headers = request.headers();
    media::check(headers.get("Content-Type"), headers.get("Content-Encoding"))?;
    let too_large = || {
        let message = format!("the body must be at most {MAX_BODY_BYTES} bytes long");
        ApiError::new(ErrorCode::TooLarge, message)
    };
    // What is announced too large is refused before a byte of it is taken.
    let announced = request.headers().get_one("Content-Length").and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_BODY_BYTES as u64) {
        return Err(too_large());
    }
    let mut body = Vec::with_capacity(announced.map_or(0, |length| usize::try_from(length + 1).unwrap_or(0)));
    // One byte more tells a body that is too large from one that just fits.
    match data.open((MAX_BODY_BYTES + 1).bytes()).read_to_end(&mut body).await {
        Ok(_) if announced.is_some_and(|length| length != body.len() as u64) => {
            Err(ApiError::new(ErrorCode::Unreadable, "the body ended early"))
        }
        Ok(_) if body.len() <= MAX_BODY_BYTES => Ok(body),
        Ok(_) => Err(too_large()),
        Err(error) => {
            let message = format!("the body ended early: {}", error.kind());
            Err(ApiError::new(ErrorCode::Unreadable, message))
        }
    }
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
