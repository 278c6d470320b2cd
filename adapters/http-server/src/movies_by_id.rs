//! Many movies in one request, between our own units: in inventory's document and no other, and the gateway, which alone is
//! reached from outside, does not have the route.

use std::sync::Arc;

use keeper_ports::inventory::MovieCatalog;
use keeper_wire::MovieBody;
use rocket::fairing::AdHoc;
use rocket::serde::json::Json;
use rocket::{Route, State, get};
use rocket_okapi::okapi::openapi3::OpenApi;
use rocket_okapi::{openapi, openapi_get_routes_spec};

use crate::call::{Call, CalledFor};
use crate::front::LongAnswers;
use crate::movies::LONGEST_MOVIE;
use crate::query::MovieIds;
use crate::reply::Reply;

/// Mounts the route over the catalogue that [`crate::movies()`] manages.
pub fn stage() -> AdHoc {
    AdHoc::on_ignite("movies by id", |rocket| async { rocket.mount("/", routes_and_docs().0) })
}

pub(crate) fn routes_and_docs() -> (Vec<Route>, OpenApi) {
    openapi_get_routes_spec![read_many]
}

/// # Read many movies
///
/// Those that are there, in any order. The gateway makes one such request of reads that come together.
#[openapi(tag = "Internal", operation_id = "readMovies")]
#[get("/internal/movies")]
async fn read_many(
    catalog: &State<Arc<dyn MovieCatalog>>,
    call: Call,
    _called_for: CalledFor,
    answers: &State<LongAnswers>,
    ids: Reply<MovieIds>,
) -> Reply<Json<Vec<MovieBody>>> {
    let ids = ids?.0;
    let _permit = answers.reserve(ids.len() * LONGEST_MOVIE).await?;
    let movies = call.run(catalog.get_many(ids)).await?;
    Ok(Json(movies.into_iter().map(MovieBody::from).collect()))
}
