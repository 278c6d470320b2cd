//! The statement that additions share which come together. Under load a commit of its own is most of what each costs the
//! database.

use chrono::{DateTime, Utc};
use keeper_batching::Answers;
use keeper_domain::{FOLDING, MovieId, NewMovie, Timestamp, fold};
use keeper_ports::{PortError, PortResult};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::PgDatabase;
use crate::statement::RowError;

/// A movie to be inserted, and when.
pub(crate) type Insert = (NewMovie, Timestamp);

/// How often ids are drawn for a movie.
const DRAWS: usize = 4;

/// How many ids are passed over at once: some tenths of a second of the database.
const MOST_PASSED: i64 = 1_000_000;

/// An id that was drawn for a movie.
struct Drawn {
    id: MovieId,
    /// Whether the movie has it now; otherwise another row had it already.
    taken_by_us: bool,
}

/// Inserts movies in one step. Where one of them is at fault, each is inserted by itself, so that it alone fails.
pub(crate) async fn insert_all(database: PgDatabase, movies: Vec<Insert>) -> Answers<MovieId> {
    match insert(&database, &movies).await {
        Err(PortError::Failed { .. }) if movies.len() > 1 => {
            let mut answers = Vec::with_capacity(movies.len());
            for movie in &movies {
                let alone = insert(&database, std::slice::from_ref(movie)).await;
                answers.push(alone.and_then(|mut answers| answers.remove(0)));
            }
            Ok(answers)
        }
        answers => answers,
    }
}

/// Rows that somebody copied in with their ids do not move the sequence on: then ids are drawn again, past those rows. What
/// was inserted before keeps its answer, whatever becomes of the others.
async fn insert(database: &PgDatabase, movies: &[Insert]) -> Answers<MovieId> {
    let drawn = draw(database, movies).await?;
    let mut left: Vec<usize> = (0..movies.len()).filter(|at| !drawn[*at].taken_by_us).collect();
    let mut answers: Vec<_> = drawn.into_iter().map(|drawn| Ok(drawn.id)).collect();
    for _ in 1..DRAWS {
        if left.is_empty() {
            break;
        }
        tracing::warn!(
            movies = left.len(),
            "ids are taken by rows that this program did not add: passing over them; bins/RUNNING.md says how to \
             set the sequence"
        );
        let again: Vec<_> = left.iter().map(|at| movies[*at].clone()).collect();
        match draw_past_taken(database, &again).await {
            Ok(drawn) => {
                let mut still = Vec::new();
                for (at, drawn) in left.into_iter().zip(drawn) {
                    answers[at] = Ok(drawn.id);
                    if !drawn.taken_by_us {
                        still.push(at);
                    }
                }
                left = still;
            }
            Err(error) => {
                for at in left {
                    answers[at] = Err(error.again());
                }
                return Ok(answers);
            }
        }
    }
    for at in left {
        answers[at] = Err(PortError::failed(database.dependency(), "too many ids are taken by other rows"));
    }
    Ok(answers)
}

/// Moves the sequence on to the highest id, by drawing: so it never goes back, whoever draws at the same time.
async fn draw_past_taken(database: &PgDatabase, movies: &[Insert]) -> PortResult<Vec<Drawn>> {
    let pass = || {
        sqlx::query(
            "SELECT max(nextval(pg_get_serial_sequence('movies', 'id'))) FROM generate_series(1, least($1,
                 (SELECT max(id) FROM movies) - nextval(pg_get_serial_sequence('movies', 'id'))))",
        )
        .bind(MOST_PASSED)
    };
    database.repeatable(pass).await?;
    draw(database, movies).await
}

async fn draw(database: &PgDatabase, movies: &[Insert]) -> PortResult<Vec<Drawn>> {
    let titles: Vec<&str> = movies.iter().map(|(movie, _)| movie.title.as_str()).collect();
    let folded: Vec<String> = titles.iter().map(|title| fold(title)).collect();
    let descriptions: Vec<&str> = movies.iter().map(|(movie, _)| movie.description.as_str()).collect();
    let times: Vec<DateTime<Utc>> = movies.iter().map(|(_, now)| now.as_datetime()).collect();
    // The ids are drawn first, since RETURNING does not promise the order of the rows.
    let statement = || {
        sqlx::query(
        "WITH movie AS MATERIALIZED (
             SELECT nextval(pg_get_serial_sequence('movies', 'id')) AS id, title, folded, description, now, place
             FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
                 WITH ORDINALITY AS movie (title, folded, description, now, place)
         ), added AS (
             INSERT INTO movies (id, title, title_folded, folding, description, created_at, updated_at)
             OVERRIDING SYSTEM VALUE SELECT id, title, folded, $5, description, now, now FROM movie
             ON CONFLICT (id) DO NOTHING RETURNING id
         )
         SELECT movie.id, added.id IS NOT NULL FROM movie LEFT JOIN added USING (id) ORDER BY place",
    )
    .bind(&titles)
    .bind(&folded)
    .bind(&descriptions)
    .bind(&times)
    .bind(FOLDING)
    };
    let answer = database.once(statement).await?;
    let drawn = |row: &PgRow| -> Result<Drawn, RowError> {
        Ok(Drawn { id: MovieId::new("id", row.try_get(0)?)?, taken_by_us: row.try_get(1)? })
    };
    let drawn: Result<Vec<_>, _> = answer.rows.iter().map(drawn).collect();
    let drawn = drawn.map_err(|broken| PortError::failed(database.dependency(), broken))?;
    if drawn.len() == movies.len() {
        Ok(drawn)
    } else {
        Err(PortError::failed(database.dependency(), "an id is missing"))
    }
}
