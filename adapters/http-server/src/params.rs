//! Parts of a path, read so that a wrong one is answered as an error of its field and not as a missing route.

use keeper_domain::{DeadLetterId, Invalid, MovieId, OrderId};
use rocket::request::FromParam;
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::Parameter;
use rocket_okapi::request::OpenApiFromParam;

use crate::docs::parameters::parameter;
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
        Ok(parameter(&name, "path", "The movie's identity.", true, schema::movie_id()))
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
        Ok(parameter(&name, "path", "The order's identity.", true, schema::order_id()))
    }
}

/// The id of a dead letter.
pub(crate) struct DeadLetterIdParam(pub(crate) Result<DeadLetterId, Invalid>);

impl<'r> FromParam<'r> for DeadLetterIdParam {
    type Error = std::convert::Infallible;

    fn from_param(param: &'r str) -> Result<Self, Self::Error> {
        Ok(Self(DeadLetterId::parse("id", param)))
    }
}

impl OpenApiFromParam<'_> for DeadLetterIdParam {
    fn path_parameter(_: &mut OpenApiGenerator, name: String) -> rocket_okapi::Result<Parameter> {
        Ok(parameter(&name, "path", "The dead letter's name.", true, schema::order_id()))
    }
}
