//! The catalogue's routes: mounted by inventory over the use case, and by the gateway over the HTTP client.

use std::sync::Arc;

use keeper_domain::{Edit, MovieId};
use keeper_ports::inventory::MovieCatalog;
use keeper_wire::{DELETED_COUNT, ErrorCode, MessageBody, MovieBody, MovieChangeFields, MovieFields};
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
use crate::conditions::{IfMatch, IfNoneMatch, etag};
use crate::front::LongAnswers;
use crate::page::Listing;
use crate::params::MovieIdParam;
use crate::query::{MovieList, NoQuery};
use crate::reply::{Cleared, Created, Fresh, Reply, Versioned, revalidated};

/// The longest movie as JSON, in bytes: 10,000 characters of its description that are escaped, and the rest.
pub(crate) const LONGEST_MOVIE: usize = 62 * 1024;

type Catalog = State<Arc<dyn MovieCatalog>>;

/// Mounts the catalogue's routes over a catalogue.
pub fn stage(catalog: Arc<dyn MovieCatalog>) -> AdHoc {
    AdHoc::on_ignite("movies", |rocket| async move { rocket.manage(catalog).mount("/", routes_and_docs().0) })
}

pub(crate) fn routes_and_docs() -> (Vec<Route>, OpenApi) {
    openapi_get_routes_spec![add, list, read, change, remove, clear]
}

/// # Add a movie
#[openapi(tag = "Movies", operation_id = "addMovie")]
#[post("/api/movies", data = "<body>")]
async fn add(
    catalog: &Catalog,
    access: Reply<Access<'_, AddMovie>>,
    call: Call,
    query: Reply<NoQuery>,
    body: Reply<Body<MovieFields>>,
) -> Reply<Created<MovieBody>> {
    access?;
    query?;
    let movie = MovieFields::parse(&body?.bytes().await?)?;
    let movie = call.run(catalog.add(movie)).await?;
    let (location, etag) =
        (Header::new("Location", format!("/api/movies/{}", movie.id)), etag(movie.version()));
    Ok(Created { body: Json(movie.into()), location, etag })
}

/// # List movies
///
/// By ascending id, in pages, which end early before they are longer than 4 MiB. When there are more, the `Link` header has
/// the address of the next page.
#[openapi(tag = "Movies", operation_id = "listMovies")]
#[get("/api/movies")]
async fn list(
    catalog: &Catalog,
    answers: &State<LongAnswers>,
    access: Reply<Access<'_, ListMovies>>,
    call: Call,
    query: Reply<MovieList>,
) -> Reply<Listing<MovieBody>> {
    access?;
    let MovieList { query, page } = query?;
    let title = query.title.as_ref().map(|title| format!("title={}&", encoded(title.as_str())));
    let _permit = answers.reserve(usize::from(page.limit.get()) * LONGEST_MOVIE).await?;
    let slice = call.run(catalog.list(query, page)).await?;
    let next = format!("/api/movies?{}limit={}&after=", title.unwrap_or_default(), page.limit.get());
    let items = slice.items.into_iter().map(MovieBody::from).collect();
    Ok(Listing { items, more: slice.more, next, id: |movie| movie.id.to_string(), cache: revalidated() })
}

/// # Read a movie
///
/// The `ETag` is its version. With `If-None-Match` the answer is 304 while the movie is in a version that you have.
#[openapi(tag = "Movies", operation_id = "readMovie")]
#[get("/api/movies/<id>")]
async fn read(
    catalog: &Catalog,
    access: Reply<Access<'_, ReadMovie>>,
    call: Call,
    id: MovieIdParam,
    query: Reply<NoQuery>,
    known: Reply<IfNoneMatch>,
) -> Reply<Fresh<MovieBody>> {
    access?;
    query?;
    let (id, known) = (id.0?, known?);
    let movie = call.run(catalog.get(id)).await?.ok_or_else(|| missing(id))?;
    let version = movie.version();
    let etag = etag(version);
    if known.has(version) {
        return Ok(Fresh::NotModified(etag));
    }
    Ok(Fresh::Body(Versioned::new(movie.into(), etag)))
}

/// # Change a movie
///
/// Fields that are absent stay as they are. With `If-Match` the movie is changed only in a version that you name: of two
/// who change the same version, the second is answered 412 and nothing of the first is lost.
#[openapi(tag = "Movies", operation_id = "changeMovie")]
#[put("/api/movies/<id>", data = "<body>")]
async fn change(
    catalog: &Catalog,
    access: Reply<Access<'_, ChangeMovie>>,
    call: Call,
    id: MovieIdParam,
    query: Reply<NoQuery>,
    only_if: Reply<IfMatch>,
    body: Reply<Body<MovieChangeFields>>,
) -> Reply<Versioned<MovieBody>> {
    access?;
    query?;
    let (id, only_if) = (id.0?, only_if?);
    let change = MovieChangeFields::parse(&body?.bytes().await?)?;
    let movie = match only_if.0 {
        None => call.run(catalog.change(id, change)).await?.ok_or_else(|| missing(id))?,
        Some(versions) => made(id, call.run(catalog.change_if(id, versions, change)).await?)?,
    };
    let etag = etag(movie.version());
    Ok(Versioned::new(movie.into(), etag))
}

/// # Delete a movie
///
/// With `If-Match` only in a version that you name.
#[openapi(tag = "Movies", operation_id = "deleteMovie")]
#[delete("/api/movies/<id>")]
async fn remove(
    catalog: &Catalog,
    access: Reply<Access<'_, DeleteMovie>>,
    call: Call,
    id: MovieIdParam,
    query: Reply<NoQuery>,
    only_if: Reply<IfMatch>,
) -> Reply<Json<MessageBody>> {
    access?;
    query?;
    let (id, only_if) = (id.0?, only_if?);
    let removed = async {
        match only_if.0 {
            None if catalog.remove(id).await? => Ok(Edit::Done(())),
            None => Ok(Edit::Absent),
            Some(versions) => catalog.remove_if(id, versions).await,
        }
    };
    made(id, call.run(removed).await?)?;
    Ok(Json(MessageBody::removed()))
}

/// # Delete all movies
///
/// With `If-Match`, only for `*`: a version is that of one movie.
#[openapi(tag = "Movies", operation_id = "deleteAllMovies")]
#[delete("/api/movies")]
async fn clear(
    catalog: &Catalog,
    access: Reply<Access<'_, DeleteAllMovies>>,
    call: Call,
    query: Reply<NoQuery>,
    only_if: Reply<IfMatch>,
    uri: &Origin<'_>,
) -> Reply<Cleared<MessageBody>> {
    let access = access?;
    // A filter that is not understood must not delete everything, nor must an id that is empty.
    query?;
    if uri.path().ends_with('/') {
        return Err(ApiError::not_found("a movie without an id was not found"));
    }
    if only_if?.0.is_some() {
        return Err(outdated("the catalogue as a whole has no version".into()));
    }
    let cleared = call.run(catalog.clear()).await;
    access.changed("movies deleted", "", cleared.as_ref().copied());
    let count = cleared?;
    let body = Json(MessageBody::cleared(count));
    Ok(Cleared { body, count: Header::new(DELETED_COUNT, count.to_string()) })
}

/// What was made of a conditional change.
fn made<T>(id: MovieId, edit: Edit<T>) -> Reply<T> {
    match edit {
        Edit::Done(done) => Ok(done),
        Edit::Absent => Err(missing(id)),
        Edit::Outdated => {
            Err(outdated(format!("movie {id} is in another version: somebody else was faster")))
        }
    }
}

/// What is there is not in a version that the caller names.
fn outdated(message: String) -> ApiError {
    ApiError { field: Some("If-Match".into()), ..ApiError::new(ErrorCode::PreconditionFailed, message) }
}

fn missing(id: MovieId) -> ApiError {
    ApiError::not_found(format!("movie {id} was not found"))
}

fn encoded(text: &str) -> String {
    RawStr::percent_encode(RawStr::new(text)).to_string()
}
