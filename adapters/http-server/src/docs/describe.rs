//! What the handlers' types do not say: query keys, response headers and errors, per operation.

use keeper_domain::{IdempotencyKey, PageLimit, Title, UserId};
use keeper_wire::{ErrorBody, ErrorCode};
use rocket_okapi::okapi::Map;
use rocket_okapi::okapi::openapi3::{
    Example, ExampleValue, Header, MediaType, Object, OpenApi, Operation, Parameter, ParameterValue, RefOr,
    Response,
};
use schemars::schema::SchemaObject;
use serde_json::Value;

use super::schema;
use crate::query::MAX_WAIT_S;

use ErrorCode::{
    Internal, Invalid, NotFound, Timeout, TooLarge, Unavailable, Unreadable, UnsupportedMediaType,
};

/// The errors that every operation may answer.
const ALWAYS: [ErrorCode; 4] = [Invalid, Internal, Unavailable, Timeout];

/// The errors of a body.
const BODY: [ErrorCode; 3] = [Unreadable, TooLarge, UnsupportedMediaType];

/// Adds to every operation what its handler's types do not say.
pub(super) fn complete(document: &mut OpenApi) {
    error_schemas(document);
    formats(document);
    for item in document.paths.values_mut() {
        let methods = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete];
        for operation in methods.into_iter().flatten() {
            operation_docs(operation);
        }
    }
}

fn operation_docs(operation: &mut Operation) {
    let id = operation.operation_id.clone().unwrap_or_default();
    for parameter in query_of(&id).into_iter().chain([request_id()]) {
        operation.parameters.push(RefOr::Object(parameter));
    }
    let success = if id == "addMovie" { "201" } else { "200" };
    if let Some(RefOr::Object(response)) = operation.responses.responses.get_mut(success) {
        response.description = success_of(&id).into();
        for (name, says) in headers_of(&id) {
            response.headers.insert(name.into(), RefOr::Object(header(says)));
        }
    }
    let mut codes: Vec<_> = ALWAYS.into();
    if operation.request_body.is_some() {
        codes.extend(BODY);
    }
    if matches!(id.as_str(), "readMovie" | "changeMovie" | "deleteMovie" | "readOrder") {
        codes.push(NotFound);
    }
    for (status, response) in errors(&codes) {
        operation.responses.responses.insert(status, RefOr::Object(response));
    }
}

fn success_of(operation: &str) -> &'static str {
    match operation {
        "addMovie" => "The movie as it was added.",
        "listMovies" => "A page of movies.",
        "readMovie" => "The movie.",
        "changeMovie" => "The movie as it is now.",
        "deleteMovie" => "The movie was deleted.",
        "deleteAllMovies" => "All movies were deleted.",
        "placeOrder" => "The queue has taken responsibility for the order.",
        "readOrder" => "The order as it was recorded.",
        "listOrders" => "A page of the user's orders.",
        _ => "Done.",
    }
}

fn headers_of(operation: &str) -> Vec<(&'static str, &'static str)> {
    let request_id = ("X-Request-Id", "The id under which the request is found in the logs.");
    let own = match operation {
        "addMovie" => Some(("Location", "The address of the movie.")),
        "placeOrder" => Some(("Location", "The address under which the order is found once it is recorded.")),
        "listMovies" | "listOrders" => {
            Some(("Link", "The address of the next page (rel=\"next\"), if there is one."))
        }
        _ => None,
    };
    own.into_iter().chain([request_id]).collect()
}

fn query_of(operation: &str) -> Vec<Parameter> {
    let limit = || {
        let says = "The most entries of the page; 100 unless told.";
        query("limit", says, false, schema::integer(1.0, Some(f64::from(PageLimit::MAX))))
    };
    let title_length = u32::try_from(Title::MAX_CHARS).ok();
    let user_length = u32::try_from(UserId::MAX_CHARS).ok();
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let longest_wait = MAX_WAIT_S as f64;
    match operation {
        "listMovies" => vec![
            query(
                "title",
                "Only movies whose title contains this text, whatever the case; every character is taken literally.",
                false,
                schema::text(None, title_length, Some("^[^\\u0000]*$")),
            ),
            limit(),
            query("after", "The last id of the page before.", false, schema::movie_id()),
        ],
        "listOrders" => vec![
            query("user_id", "Whose orders.", true, schema::text(Some(1), user_length, Some("^[!-~]+$"))),
            limit(),
            query("after", "The last order id of the page before.", false, schema::order_id()),
        ],
        "readOrder" => {
            let says = "Seconds to wait for the order to be recorded; 0 unless told.";
            vec![query("wait", says, false, schema::integer(0.0, Some(longest_wait)))]
        }
        _ => Vec::new(),
    }
}

/// The documentation of the `Idempotency-Key` header.
pub(crate) fn idempotency_key() -> Parameter {
    let says = "Your own name for this order: the same key of the same user gives the same order, once, however often \
        it is sent.";
    let length = u32::try_from(IdempotencyKey::MAX_CHARS).ok();
    parameter("Idempotency-Key", "header", says, false, schema::text(Some(1), length, Some("^[!-~]+$")))
}

fn request_id() -> Parameter {
    let says =
        "Your own id for this request, answered, logged and passed on; one is made when there is none.";
    parameter(
        "X-Request-Id",
        "header",
        says,
        false,
        schema::text(Some(1), Some(128), Some("^[A-Za-z0-9._-]+$")),
    )
}

fn query(name: &str, says: &str, required: bool, schema: SchemaObject) -> Parameter {
    parameter(name, "query", says, required, schema)
}

/// The documentation of a part of a path, a key of a query, or a header.
pub(crate) fn parameter(
    name: &str,
    location: &str,
    says: &str,
    required: bool,
    schema: SchemaObject,
) -> Parameter {
    Parameter {
        name: name.into(),
        location: location.into(),
        description: Some(says.into()),
        required,
        deprecated: false,
        allow_empty_value: false,
        value: value(schema),
        extensions: Object::default(),
    }
}

fn header(says: &str) -> Header {
    Header {
        description: Some(says.into()),
        required: false,
        deprecated: false,
        allow_empty_value: false,
        value: value(schema::text(None, None, None)),
        extensions: Object::default(),
    }
}

fn value(schema: SchemaObject) -> ParameterValue {
    ParameterValue::Schema {
        style: None,
        explode: None,
        allow_reserved: false,
        schema,
        example: None,
        examples: None,
    }
}

/// The responses of errors, one per status, with an example per code.
fn errors(codes: &[ErrorCode]) -> Map<String, Response> {
    let mut responses = Map::<String, Response>::default();
    for &code in codes {
        let response = responses.entry(code.status().to_string()).or_insert_with(|| Response {
            content: [(
                "application/json".to_owned(),
                MediaType {
                    schema: Some(SchemaObject::new_ref("#/components/schemas/Error".into())),
                    ..MediaType::default()
                },
            )]
            .into_iter()
            .collect(),
            ..Response::default()
        });
        let (says, example) = example(code);
        response.description = if response.description.is_empty() {
            says.into()
        } else {
            format!("{} {says}", response.description)
        };
        if matches!(code, Unavailable | Timeout) {
            response
                .headers
                .insert("Retry-After".into(), RefOr::Object(header("Seconds after which to try again.")));
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
        NotFound => ("There is no such thing.", "movie 7 was not found", None),
        TooLarge => ("The body is too large.", "the body must be at most 65536 bytes long", None),
        UnsupportedMediaType => (
            "The body is not sent as JSON.",
            "the body must be JSON, with the header Content-Type: application/json",
            None,
        ),
        Unavailable => {
            ("A dependency is away; try again.", "the service cannot do this now; please try again", None)
        }
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

fn error_schemas(document: &mut OpenApi) {
    let mut generator = schemars::r#gen::SchemaSettings::openapi3().into_generator();
    generator.subschema_for::<ErrorBody>();
    let components = document.components.get_or_insert_default();
    for (name, schema) in generator.take_definitions() {
        components.schemas.insert(name, schema.into_object());
    }
}

/// Says what kind of text a field is, which Rust's `String` does not.
fn formats(document: &mut OpenApi) {
    let schemas = document.components.iter_mut().flat_map(|components| components.schemas.values_mut());
    for (name, field) in schemas.flat_map(|schema| schema.object().properties.iter_mut()) {
        let format = match name.as_str() {
            "createdAt" | "updatedAt" | "recordedAt" => "date-time",
            "order_id" => "uuid",
            _ => continue,
        };
        if let schemars::schema::Schema::Object(field) = field {
            field.format = Some(format.into());
        }
    }
}
