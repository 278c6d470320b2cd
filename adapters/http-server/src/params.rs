//! Parts of a path, read so that a wrong one is answered as an error of its field and not as a missing route.

use keeper_domain::{Invalid, MovieId, OrderId};
use rocket::request::FromParam;
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::{Object, Parameter, ParameterValue};
use rocket_okapi::request::OpenApiFromParam;
use schemars::schema::SchemaObject;

use crate::docs::schema;

/// The id of a movie.
pub(crate) struct MovieIdParam(pub(crate) Result<MovieId, Invalid>);

impl<'r> FromParam<'r> for MovieIdParam {
    type Error = std::convert::Infallible;

    fn from_param(param: &'r str) -> Result<Self, Self::Error> {
        Ok(Self(MovieId::parse("id", param)))
    }
}

impl OpenApiFromParam<'_> for MovieIdParam {
    fn path_parameter(_: &mut OpenApiGenerator, name: String) -> rocket_okapi::Result<Parameter> {
        Ok(parameter(name, "The movie's identity.", schema::movie_id()))
    }
}

/// The id of an order.
pub(crate) struct OrderIdParam(pub(crate) Result<OrderId, Invalid>);

impl<'r> FromParam<'r> for OrderIdParam {
    type Error = std::convert::Infallible;

    fn from_param(param: &'r str) -> Result<Self, Self::Error> {
        Ok(Self(OrderId::parse("order_id", param)))
    }
}

impl OpenApiFromParam<'_> for OrderIdParam {
    fn path_parameter(_: &mut OpenApiGenerator, name: String) -> rocket_okapi::Result<Parameter> {
        Ok(parameter(name, "The order's identity.", schema::order_id()))
    }
}

fn parameter(name: String, says: &str, schema: SchemaObject) -> Parameter {
    Parameter {
        name,
        location: "path".into(),
        description: Some(says.into()),
        required: true,
        deprecated: false,
        allow_empty_value: false,
        value: ParameterValue::Schema {
            style: None,
            explode: None,
            allow_reserved: false,
            schema,
            example: None,
            examples: None,
        },
        extensions: Object::default(),
    }
}
