//! The errors that operations may answer.

use keeper_wire::{ErrorBody, ErrorCode, ProblemBody};
use rocket_okapi::okapi::Map;
use rocket_okapi::okapi::openapi3::{Example, ExampleValue, MediaType, Object, OpenApi, RefOr, Response};
use schemars::schema::SchemaObject;
use serde_json::Value;

use super::parameters::header;

use ErrorCode::{
    Forbidden, Internal, Invalid, KeyReused, NotFound, Overloaded, PreconditionFailed, RateLimited,
    SlowRequest, Timeout, TooLarge, Unauthenticated, Unavailable, Unreadable, UnsupportedMediaType,
};

/// The errors that every operation may answer.
pub(super) const ALWAYS: [ErrorCode; 5] = [Invalid, Internal, Unavailable, Overloaded, Timeout];

/// The errors of a body.
pub(super) const BODY: [ErrorCode; 4] = [Unreadable, SlowRequest, TooLarge, UnsupportedMediaType];

/// The responses of errors, one per status, with an example per code.
pub(super) fn responses(codes: &[ErrorCode]) -> Map<String, Response> {
    let mut responses = Map::<String, Response>::default();
    for &code in codes {
        let response = responses.entry(code.status().to_string()).or_insert_with(|| Response {
            content: [("application/json", "Error"), (ProblemBody::CONTENT_TYPE, "Problem")]
                .into_iter()
                .map(|(kind, schema)| (kind.to_owned(), body_of(schema)))
                .collect(),
            ..Response::default()
        });
        let (says, example) = example(code);
        response.description = if response.description.is_empty() {
            says.into()
        } else {
            format!("{} {says}", response.description)
        };
        if matches!(code, Unavailable | Overloaded | Timeout | RateLimited) {
            response
                .headers
                .insert("Retry-After".into(), RefOr::Object(header("Seconds after which to try again.")));
        }
        if matches!(code, Unauthenticated | Forbidden) {
            let says = "What is needed (RFC 6750).";
            response.headers.insert("WWW-Authenticate".into(), RefOr::Object(header(says)));
        }
        if let Some(body) = response.content.get_mut("application/json") {
            let examples = body.examples.get_or_insert_default();
            let example = Example {
                summary: Some(says.into()),
                description: None,
                value: ExampleValue::Value(example),
                extensions: Object::default(),
            };
            examples.insert(code.as_str().into(), example);
        }
    }
    responses
}

fn body_of(schema: &str) -> MediaType {
    let schema = SchemaObject::new_ref(format!("#/components/schemas/{schema}"));
    MediaType { schema: Some(schema), ..MediaType::default() }
}

fn example(code: ErrorCode) -> (&'static str, Value) {
    let (says, message, field) = match code {
        Invalid => (
            "A field is missing or breaks a rule.",
            "limit must be a whole number from 1 to 1000",
            Some("limit"),
        ),
        Unreadable => {
            ("The body is not JSON.", "the body is not valid JSON: EOF while parsing an object", None)
        }
        Unauthenticated => (
            "Credentials are missing, or not valid.",
            "these credentials are not valid, or not any more",
            None,
        ),
        Forbidden => ("The caller may not do this.", "this needs the scope orders:any", None),
        KeyReused => (
            "The key names another order.",
            "this Idempotency-Key names another order, which is recorded with other content",
            Some("Idempotency-Key"),
        ),
        RateLimited => (
            "The caller made too many calls.",
            "there were too many of these calls; please try again later",
            None,
        ),
        NotFound => ("There is no such thing.", "movie 7 was not found", None),
        PreconditionFailed => (
            "It is in another version than you name; nothing was done.",
            "movie 7 is in another version: somebody else was faster",
            Some("If-Match"),
        ),
        TooLarge => ("The body is too large.", "the body must be at most 65536 bytes long", None),
        UnsupportedMediaType => (
            "The body is not sent as JSON.",
            "the body must be JSON, with the header Content-Type: application/json",
            None,
        ),
        Unavailable => {
            ("A dependency is away; try again.", "the service cannot do this now; please try again", None)
        }
        Overloaded => (
            "The service has as many requests as it takes; try again.",
            "the service has too much to do now; please try again",
            None,
        ),
        SlowRequest => ("The body came too slowly.", "the body did not come in time", None),
        Timeout => (
            "A dependency did not answer in time.",
            "the service did not answer in time; please try again",
            None,
        ),
        _ => ("A fault of the service.", "something went wrong on our side", None),
    };
    let body = ErrorBody {
        message: message.into(),
        code,
        request_id: "019a2f5e-7c1b-7d3a-9e4f-0123456789ab".into(),
        field: field.map(str::to_owned),
    };
    (says, serde_json::to_value(body).unwrap_or_default())
}

/// Adds the schemas of an error's body, in both forms.
pub(super) fn schemas(document: &mut OpenApi) {
    let mut generator = schemars::r#gen::SchemaSettings::openapi3().into_generator();
    generator.subschema_for::<ErrorBody>();
    generator.subschema_for::<ProblemBody>();
    let components = document.components.get_or_insert_default();
    for (name, schema) in generator.take_definitions() {
        components.schemas.insert(name, schema.into_object());
    }
}
