//! The routes of operators: the messages that could not be processed. Mounted by billing and standalone over the use case, and by
//! the gateway over the HTTP client.

use std::sync::Arc;

use keeper_domain::{Coverage, DeadLetterId, DeadLetterSelection, DeadLettersTaken};
use keeper_ports::billing::DeadLetterOperations;
use keeper_ports::{PortError, PortResult};
use keeper_wire::{DeadLetterBody, DeadLetterListBody, DeadLettersTakenBody, ErrorCode, ReplayFields};
use rocket::fairing::AdHoc;
use rocket::serde::json::Json;
use rocket::{Route, State, delete, get, post};
use rocket_okapi::okapi::openapi3::OpenApi;
use rocket_okapi::{openapi, openapi_get_routes_spec};

use crate::ApiError;
use crate::auth::{
    Access, DiscardDeadLetter, ListDeadLetters, ReadDeadLetter, ReplayDeadLetter, ReplayDeadLetters,
};
use crate::body::Body;
use crate::call::Call;
use crate::front::LongAnswers;
use crate::params::DeadLetterIdParam;
use crate::query::{Because, DeadLetterLimit, NoQuery};
use crate::reply::{Reply, Uncached};

/// As long as a dead letter as JSON is allowed for, in bytes: most are shorter. Longer ones are refused when there is no room.
const USUAL_LETTER: usize = 64 * 1024;

type DeadLetters = State<Arc<dyn DeadLetterOperations>>;

/// Mounts the routes over whoever looks after the dead letters.
pub fn stage(dead_letters: Arc<dyn DeadLetterOperations>) -> AdHoc {
    AdHoc::on_ignite("operations", |rocket| async move {
        rocket.manage(dead_letters).mount("/", routes_and_docs().0)
    })
}

pub(crate) fn routes_and_docs() -> (Vec<Route>, OpenApi) {
    openapi_get_routes_spec![list, read, replay_all, replay, discard]
}

/// # List dead letters
///
/// The messages that could not be processed, oldest first, and how many there are in all.
#[openapi(tag = "Operations", operation_id = "listDeadLetters")]
#[get("/api/operations/dead-letters")]
async fn list(
    dead_letters: &DeadLetters,
    answers: &State<LongAnswers>,
    access: Reply<Access<'_, ListDeadLetters>>,
    call: Call,
    limit: Reply<DeadLetterLimit>,
) -> Reply<Uncached<Json<DeadLetterListBody>>> {
    access?;
    let limit = usize::from(limit?.0);
    let _permit = answers.reserve(limit * USUAL_LETTER).await?;
    let list = call.run(dead_letters.list(limit)).await?;
    Ok(Uncached::new(Json(list.into())))
}

/// # Read a dead letter
///
/// With its headers and its body. Equal messages have the same id.
#[openapi(tag = "Operations", operation_id = "readDeadLetter")]
#[get("/api/operations/dead-letters/<id>")]
async fn read(
    dead_letters: &DeadLetters,
    access: Reply<Access<'_, ReadDeadLetter>>,
    call: Call,
    id: DeadLetterIdParam,
    query: Reply<NoQuery>,
) -> Reply<Uncached<Json<DeadLetterBody>>> {
    access?;
    query?;
    let id = id.0?;
    let found = call.run(dead_letters.find(id)).await?;
    let letter = found.letters.into_iter().next().ok_or_else(|| missing(id, found.coverage))?;
    Ok(Uncached::new(Json(letter.into())))
}

/// # Replay dead letters
///
/// Puts all that are there now, or those of a reason, back into the order queue as they first came.
#[openapi(tag = "Operations", operation_id = "replayDeadLetters")]
#[post("/api/operations/dead-letters/replay", data = "<body>", rank = 1)]
async fn replay_all(
    dead_letters: &DeadLetters,
    access: Reply<Access<'_, ReplayDeadLetters>>,
    call: Call,
    query: Reply<NoQuery>,
    body: Reply<Body<ReplayFields>>,
) -> Reply<Json<DeadLettersTakenBody>> {
    let access = access?;
    query?;
    let reason = ReplayFields::parse(&body?.bytes().await?)?;
    let selection = reason.map_or(DeadLetterSelection::All, DeadLetterSelection::Reason);
    let taken = call.run(dead_letters.replay(selection)).await;
    access.changed("dead letters replayed", reason.map_or("all", |reason| reason.as_str()), count(&taken));
    Ok(Json(taken?.into()))
}

/// # Replay a dead letter
///
/// Puts it back into the order queue as it first came. The body is an empty object.
#[openapi(tag = "Operations", operation_id = "replayDeadLetter")]
#[post("/api/operations/dead-letters/<id>/replay", data = "<body>")]
async fn replay(
    dead_letters: &DeadLetters,
    access: Reply<Access<'_, ReplayDeadLetter>>,
    call: Call,
    id: DeadLetterIdParam,
    query: Reply<NoQuery>,
    body: Reply<Body<ReplayFields>>,
) -> Reply<Json<DeadLettersTakenBody>> {
    let access = access?;
    query?;
    let id = id.0?;
    ReplayFields::parse(&body?.bytes().await?)?;
    let taken = call.run(dead_letters.replay(DeadLetterSelection::Ids(vec![id]))).await;
    access.changed("dead letters replayed", "", count(&taken));
    Ok(Json(taken_of(id, taken?)?.into()))
}

/// # Discard a dead letter
///
/// It is kept in the journal, with the reason, before it goes.
#[openapi(tag = "Operations", operation_id = "discardDeadLetter")]
#[delete("/api/operations/dead-letters/<id>")]
async fn discard(
    dead_letters: &DeadLetters,
    access: Reply<Access<'_, DiscardDeadLetter>>,
    call: Call,
    id: DeadLetterIdParam,
    because: Reply<Because>,
) -> Reply<Json<DeadLettersTakenBody>> {
    let access = access?;
    let (id, because) = (id.0?, because?.0);
    let taken = call.run(dead_letters.discard(id, because.clone())).await;
    access.changed("dead letter discarded", &because, count(&taken));
    Ok(Json(taken_of(id, taken?)?.into()))
}

/// How many there were, for the audit line.
fn count(taken: &PortResult<DeadLettersTaken>) -> Result<u64, &PortError> {
    taken.as_ref().map(|taken| taken.count)
}

/// An error where nothing of this id was taken.
fn taken_of(id: DeadLetterId, taken: DeadLettersTaken) -> Result<DeadLettersTaken, ApiError> {
    if taken.count == 0 { Err(missing(id, taken.coverage)) } else { Ok(taken) }
}

/// What could not be looked at is not said to be absent.
fn missing(id: DeadLetterId, coverage: Coverage) -> ApiError {
    if coverage.is_whole() {
        return ApiError::not_found(format!("there is no dead letter {id}"));
    }
    let Coverage { seen, total } = coverage;
    let message = format!("{id} is not among the {seen} of {total} dead letters that could be looked at");
    ApiError::new(ErrorCode::Unavailable, message)
}
