//! The catalogue's routes: mounted by inventory over the use case, and by the gateway over the HTTP client.

use std::sync::Arc;

use keeper_domain::MovieId;
use keeper_ports::inventory::MovieCatalog;
use keeper_wire::{DELETED_COUNT, MessageBody, MovieBody, MovieChangeFields, MovieFields};
use rocket::fairing::AdHoc;
use rocket::http::uri::Origin;
use rocket::http::{Header, RawStr};
use rocket::serde::json::Json;
use rocket::{Route, State, delete, get, post, put};
use rocket_okapi::okapi::openapi3::OpenApi;
use rocket_okapi::{openapi, openapi_get_routes_spec};

use crate::ApiError;
use crate::auth::{Access, AddMovie, ChangeMovie, DeleteAllMovies, DeleteMovie, ListMovies, ReadMovie};
use crate::body::Body;
use crate::call::Call;
use crate::listing::Rows;
use crate::params::MovieIdParam;
use crate::query::{MovieList, NoQuery};
use crate::reply::{Cleared, Created, Listing, Reply};

type Catalog = State<Arc<dyn MovieCatalog>>;

/// Mounts the catalogue's routes over a catalogue.
pub fn stage(catalog: Arc<dyn MovieCatalog>) -> AdHoc {
    AdHoc::on_ignite("movies", |rocket| async move {
        rocket.manage(catalog).manage(Rows::new()).mount("/", routes_and_docs().0)
    })
}

pub(crate) fn routes_and_docs() -> (Vec<Route>, OpenApi) {
    openapi_get_routes_spec![add, list, read, change, remove, clear]
}

/// # Add a movie
#[openapi(tag = "Movies", operation_id = "addMovie")]
#[post("/api/movies", data = "<body>")]
async fn add(
    catalog: &Catalog,
    access: Reply<Access<AddMovie>>,
    call: Call,
    query: Reply<NoQuery>,
    body: Reply<Body<MovieFields>>,
) -> Reply<Created<MovieBody>> {
    access?;
    query?;
    let movie = MovieFields::parse(&body?.bytes)?;
    let movie = call.run(catalog.add(movie)).await?;
    let location = Header::new("Location", format!("/api/movies/{}", movie.id));
    Ok(Created { body: Json(movie.into()), location })
}

/// # List movies
///
/// By ascending id, in pages. When there are more, the `Link` header has the address of the next page.
#[openapi(tag = "Movies", operation_id = "listMovies")]
#[get("/api/movies")]
async fn list(
    catalog: &Catalog,
    rows: &State<Rows>,
    access: Reply<Access<ListMovies>>,
    call: Call,
    query: Reply<MovieList>,
) -> Reply<Listing<MovieBody>> {
    access?;
    let MovieList { query, page } = query?;
    let title = query.title.as_ref().map(|title| format!("title={}&", encoded(title.as_str())));
    let place = rows.place(page.limit).await?;
    let slice = call.run(catalog.list(query, page)).await?;
    let last = slice.items.last().map(|movie| movie.id);
    let next = last.filter(|_| slice.more).map(|last| {
        format!("/api/movies?{}limit={}&after={last}", title.unwrap_or_default(), page.limit.get())
    });
    Ok(Listing { items: slice.items.into_iter().map(MovieBody::from).collect(), next, place: Some(place) })
}

/// # Read a movie
#[openapi(tag = "Movies", operation_id = "readMovie")]
#[get("/api/movies/<id>")]
async fn read(
    catalog: &Catalog,
    access: Reply<Access<ReadMovie>>,
    call: Call,
    id: MovieIdParam,
    query: Reply<NoQuery>,
) -> Reply<Json<MovieBody>> {
    access?;
    query?;
    let id = id.0?;
    let movie = call.run(catalog.get(id)).await?.ok_or_else(|| missing(id))?;
    Ok(Json(movie.into()))
}

/// # Change a movie
///
/// Fields that are absent stay as they are.
#[openapi(tag = "Movies", operation_id = "changeMovie")]
#[put("/api/movies/<id>", data = "<body>")]
async fn change(
    catalog: &Catalog,
    access: Reply<Access<ChangeMovie>>,
    call: Call,
    id: MovieIdParam,
    query: Reply<NoQuery>,
    body: Reply<Body<MovieChangeFields>>,
) -> Reply<Json<MovieBody>> {
    access?;
    query?;
    let id = id.0?;
    let change = MovieChangeFields::parse(&body?.bytes)?;
    let movie = call.run(catalog.change(id, change)).await?.ok_or_else(|| missing(id))?;
    Ok(Json(movie.into()))
}

/// # Delete a movie
#[openapi(tag = "Movies", operation_id = "deleteMovie")]
#[delete("/api/movies/<id>")]
async fn remove(
    catalog: &Catalog,
    access: Reply<Access<DeleteMovie>>,
    call: Call,
    id: MovieIdParam,
    query: Reply<NoQuery>,
) -> Reply<Json<MessageBody>> {
    access?;
    query?;
    let id = id.0?;
    if call.run(catalog.remove(id)).await? { Ok(Json(MessageBody::removed())) } else { Err(missing(id)) }
}

/// # Delete all movies
#[openapi(tag = "Movies", operation_id = "deleteAllMovies")]
#[delete("/api/movies")]
async fn clear(
    catalog: &Catalog,
    access: Reply<Access<DeleteAllMovies>>,
    call: Call,
    query: Reply<NoQuery>,
    uri: &Origin<'_>,
) -> Reply<Cleared<MessageBody>> {
    access?;
    // A filter that is not understood must not delete everything, nor must an id that is empty.
    query?;
    if uri.path().ends_with('/') {
        return Err(ApiError::not_found("a movie without an id was not found"));
    }
    let count = call.run(catalog.clear()).await?;
    let body = Json(MessageBody::cleared(count));
    Ok(Cleared { body, count: Header::new(DELETED_COUNT, count.to_string()) })
}

fn missing(id: MovieId) -> ApiError {
    ApiError::not_found(format!("movie {id} was not found"))
}

fn encoded(text: &str) -> String {
    RawStr::percent_encode(RawStr::new(text)).to_string()
}
