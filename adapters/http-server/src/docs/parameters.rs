//! Parameters and headers.

use keeper_domain::IdempotencyKey;
use rocket_okapi::okapi::openapi3::{Header, Object, Parameter, ParameterValue};
use schemars::schema::SchemaObject;

use super::schema;

/// The documentation of the `Idempotency-Key` header.
pub(crate) fn idempotency_key() -> Parameter {
    let says = "Your own name for this order: the same key of the same user gives the same order, once, however often \
        it is sent. `abc` and `\"abc\"` are the same key.";
    let length = u32::try_from(IdempotencyKey::MAX_CHARS).ok();
    parameter("Idempotency-Key", "header", says, false, schema::text(Some(1), length, Some("^[!-~]+$")))
}

/// The documentation of the `If-Match` header.
pub(crate) fn if_match() -> Parameter {
    let says = "The `ETag`s of the versions that you would change, or `*` for any.";
    parameter("If-Match", "header", says, false, schema::text(None, None, Some(TAGS)))
}

/// The documentation of the `If-None-Match` header.
pub(crate) fn if_none_match() -> Parameter {
    let says = "The `ETag`s of the versions that you have, or `*` for any.";
    parameter("If-None-Match", "header", says, false, schema::text(None, None, Some(TAGS)))
}

/// `*`, or entity tags.
const TAGS: &str = "^(\\*|(W/)?\"[!#-~]*\"(, ?(W/)?\"[!#-~]*\")*)$";

/// The documentation of the `X-Request-Id` header.
pub(super) fn request_id() -> Parameter {
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

/// The documentation of a key of a query.
pub(super) fn query(name: &str, says: &str, required: bool, schema: SchemaObject) -> Parameter {
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

/// The documentation of a header of an answer.
pub(super) fn header(says: &str) -> Header {
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
