//! Changes that are made to one state of a movie only. Each is a statement of its own: they are made by people.

use keeper_domain::{Description, FOLDING, Movie, MovieChange, Timestamp, Title, fold};
use keeper_ports::PortResult;

use crate::PgDatabase;
use crate::movie_row::movie;

/// Of two changes at the same time the second waits for the row's lock, and then finds that the row differs from what it expected.
/// Times are compared in milliseconds, as the domain has them: rows that others imported may be more precise.
const UPDATE: &str = "UPDATE movies
     SET title = coalesce($6, title), title_folded = coalesce($7, title_folded),
         folding = 100 + CASE WHEN $7 IS NULL THEN folding ELSE $8 END,
         description = coalesce($9, description), updated_at = $10
     WHERE id = $1 AND title = $2 AND description = $3
         AND date_trunc('milliseconds', created_at) = $4 AND date_trunc('milliseconds', updated_at) = $5
     RETURNING id, title, description, created_at, updated_at";

const DELETE: &str = "DELETE FROM movies WHERE id = $1 AND title = $2 AND description = $3
     AND date_trunc('milliseconds', created_at) = $4 AND date_trunc('milliseconds', updated_at) = $5";

/// Changes the movie if it is still `current`. Not run twice: the second run would find what the first has made.
pub(crate) async fn update_if(
    database: &PgDatabase,
    current: &Movie,
    change: &MovieChange,
    now: Timestamp,
) -> PortResult<Option<Movie>> {
    let title = change.title().map(Title::as_str);
    let folded = title.map(fold);
    let answer = database
        .once(|| {
            sqlx::query(UPDATE)
                .bind(current.id.get())
                .bind(current.title.as_str())
                .bind(current.description.as_str())
                .bind(current.created_at.as_datetime())
                .bind(current.updated_at.as_datetime())
                .bind(title)
                .bind(folded.as_deref())
                .bind(FOLDING)
                .bind(change.description().map(Description::as_str))
                .bind(now.as_datetime())
        })
        .await?;
    answer.rows.first().map(|row| movie(database, row)).transpose()
}

/// Deletes the movie if it is still `current`; says whether it was.
pub(crate) async fn delete_if(database: &PgDatabase, current: &Movie) -> PortResult<bool> {
    let answer = database
        .once(|| {
            sqlx::query(DELETE)
                .bind(current.id.get())
                .bind(current.title.as_str())
                .bind(current.description.as_str())
                .bind(current.created_at.as_datetime())
                .bind(current.updated_at.as_datetime())
        })
        .await?;
    Ok(answer.affected > 0)
}
