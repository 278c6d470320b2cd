//! The statements that changes share which come together. Under load a commit of its own is most of what each costs the
//! database.

use chrono::{DateTime, Utc};
use keeper_batching::Answers;
use keeper_domain::{Description, FOLDING, Movie, MovieChange, MovieId, Timestamp, Title, fold};
use keeper_ports::{PortError, PortResult};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::PgDatabase;

use crate::movie_row::movie;
use crate::statement::Answer;

/// What is to change of a movie, and when.
pub(crate) type Update = (MovieId, MovieChange, Timestamp);

/// What an answer says of each of these movies: its row, or that it is not there.
fn each(
    database: &PgDatabase,
    answer: &Answer,
    ids: impl IntoIterator<Item = MovieId>,
) -> Answers<Option<Movie>> {
    let read = |row: &PgRow| row.try_get::<i64, _>(0).map_err(|error| database.meaning(error));
    let found: Vec<i64> = answer.rows.iter().map(read).collect::<PortResult<_>>()?;
    let row = |id: MovieId| found.iter().position(|found| *found == id.get()).map(|at| &answer.rows[at]);
    Ok(ids.into_iter().map(|id| row(id).map(|row| movie(database, row)).transpose()).collect())
}

/// Changes movies in one step, or in as many as one movie is changed: two changes of one row in one statement would lose
/// the second. Where one of them is at fault, each is made by itself, so that it alone fails.
pub(crate) async fn update_all(database: PgDatabase, updates: Vec<Update>) -> Answers<Option<Movie>> {
    let mut answers: Vec<_> = updates.iter().map(|_| Ok(None)).collect();
    let mut rounds = rounds(&updates).into_iter();
    while let Some(round) = rounds.next() {
        let of_round: Vec<&Update> = round.iter().map(|at| &updates[*at]).collect();
        let changed = match update(&database, &of_round).await {
            Ok(changed) => changed,
            Err(PortError::Failed { .. }) => alone(&database, &of_round).await,
            Err(transient) => {
                // What earlier rounds have changed is answered as it is.
                round.into_iter().chain(rounds.flatten()).for_each(|at| answers[at] = Err(transient.again()));
                break;
            }
        };
        round.into_iter().zip(changed).for_each(|(at, movie)| answers[at] = movie);
    }
    Ok(answers)
}

async fn alone(database: &PgDatabase, updates: &[&Update]) -> Vec<PortResult<Option<Movie>>> {
    let mut answers = Vec::with_capacity(updates.len());
    for one in updates {
        answers.push(update(database, &[one]).await.and_then(|mut answer| answer.remove(0)));
    }
    answers
}

/// The places of the updates, in rounds: in each round a movie comes once, and its updates keep their order.
fn rounds(updates: &[Update]) -> Vec<Vec<usize>> {
    let mut rounds: Vec<Vec<usize>> = Vec::new();
    for (at, (id, ..)) in updates.iter().enumerate() {
        let earlier = updates[..at].iter().filter(|(earlier, ..)| earlier == id).count();
        rounds.resize_with(rounds.len().max(earlier + 1), Vec::new);
        rounds[earlier].push(at);
    }
    rounds
}

async fn update(database: &PgDatabase, updates: &[&Update]) -> Answers<Option<Movie>> {
    let ids: Vec<i64> = updates.iter().map(|(id, ..)| id.get()).collect();
    let titles: Vec<_> = updates.iter().map(|(_, change, _)| change.title().map(Title::as_str)).collect();
    let folded: Vec<_> = titles.iter().map(|title| title.map(fold)).collect();
    let descriptions: Vec<_> =
        updates.iter().map(|(_, change, _)| change.description().map(Description::as_str)).collect();
    let times: Vec<DateTime<Utc>> = updates.iter().map(|(.., now)| now.as_datetime()).collect();
    let answer = database
        .repeatable(|| {
            // The rows are locked by ascending id, so that no two statements wait for each other.
            sqlx::query(
                "WITH locked AS MATERIALIZED (
                     SELECT id FROM movies WHERE id = ANY($1) ORDER BY id FOR UPDATE
                 )
                 UPDATE movies
                 SET title = coalesce(change.title, movies.title),
                     title_folded = coalesce(change.folded, movies.title_folded),
                     folding = 100 + CASE WHEN change.folded IS NULL THEN movies.folding ELSE $6 END,
                     description = coalesce(change.description, movies.description),
                     updated_at = change.now
                 FROM locked JOIN unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
                     AS change (id, title, folded, description, now) USING (id)
                 WHERE movies.id = change.id
                 RETURNING movies.id, movies.title, movies.description, movies.created_at, movies.updated_at",
            )
            .bind(&ids)
            .bind(&titles)
            .bind(&folded)
            .bind(&descriptions)
            .bind(&times)
            .bind(FOLDING)
        })
        .await?;
    each(database, &answer, updates.iter().map(|(id, ..)| *id))
}
