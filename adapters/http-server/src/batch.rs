//! Many movies in one request, between our own units. It is no part of the API: no document has it, and the gateway,
//! which alone is reached from outside, does not have the route.

use std::sync::Arc;

use futures_util::future::try_join_all;
use keeper_ports::inventory::MovieCatalog;
use keeper_wire::MovieBody;
use rocket::fairing::AdHoc;
use rocket::serde::json::Json;
use rocket::{State, get, routes};

use crate::call::{Call, CalledFor};
use crate::query::MovieIds;
use crate::reply::Reply;

/// Mounts the route over the catalogue that [`crate::movies()`] manages.
pub fn stage() -> AdHoc {
    AdHoc::on_ignite("batches of movies", |rocket| async { rocket.mount("/", routes![read]) })
}

/// Reads the movies that are there, in the order asked for.
#[get("/internal/movies")]
async fn read(
    catalog: &State<Arc<dyn MovieCatalog>>,
    call: Call,
    _called_for: CalledFor,
    ids: Reply<MovieIds>,
) -> Reply<Json<Vec<MovieBody>>> {
    // The store makes one statement of them.
    let movies = try_join_all(ids?.0.into_iter().map(|id| catalog.get(id)));
    let movies = call.run(movies).await?;
    Ok(Json(movies.into_iter().flatten().map(MovieBody::from).collect()))
}
