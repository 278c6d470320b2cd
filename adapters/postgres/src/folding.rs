use std::time::Duration;

use keeper_domain::{FOLDING, fold};
use keeper_ports::PortResult;
use sqlx::Row;

use crate::PgMovies;

/// So many titles are folded anew in one step: their rows are locked for some milliseconds.
const BATCH: i64 = 500;
/// How often titles are looked for that an earlier version of the program has written meanwhile.
const PAUSE: Duration = Duration::from_mins(1);
/// How long a failed step waits.
const RETRY: Duration = Duration::from_secs(5);

impl PgMovies {
    /// Folds anew what was folded by an earlier rule, for as long as it is polled: at an upgrade the versions before
    /// this one go on writing beside it. Titles are found by the earlier rule until then.
    pub async fn keep_folding(&self) {
        loop {
            let pause = match self.fold_some().await {
                Ok(0) => PAUSE,
                Ok(_) => Duration::ZERO,
                // The probe reports a database that is away, or whose schema is not there yet.
                Err(_) => RETRY,
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Folds a batch of titles anew, and says how many.
    ///
    /// # Errors
    /// The database is away.
    pub async fn fold_some(&self) -> PortResult<u64> {
        let database = self.database();
        // The first condition is that of the index movies_to_fold. A row that cannot be read cannot be changed, either.
        let stale = database
            .read(|| {
                sqlx::query(
                    "SELECT id, title FROM movies
                     WHERE folding < 1 AND NOT is_blank(title) AND is_time(created_at) AND is_time(updated_at)
                     ORDER BY id LIMIT $1",
                )
                .bind(BATCH)
            })
            .await?;
        let pair = |row: &sqlx::postgres::PgRow| Ok((row.try_get(0)?, row.try_get(1)?));
        let titles: Vec<(i64, String)> = stale
            .rows
            .iter()
            .map(pair)
            .collect::<sqlx::Result<_>>()
            .map_err(|error| database.meaning(error))?;
        let (ids, titles): (Vec<i64>, Vec<String>) = titles.into_iter().unzip();
        let folded: Vec<String> = titles.iter().map(|title| fold(title)).collect();
        let answer = database
            .repeatable(|| {
                // A row that somebody else changes at the moment is left for the next batch.
                sqlx::query(
                    "WITH locked AS MATERIALIZED (
                         SELECT id FROM movies WHERE id = ANY($1) ORDER BY id FOR UPDATE SKIP LOCKED
                     )
                     UPDATE movies SET title_folded = stale.folded, folding = $4
                     FROM locked JOIN unnest($1::bigint[], $2::text[], $3::text[]) AS stale (id, title, folded)
                         USING (id)
                     WHERE movies.id = stale.id AND movies.title = stale.title",
                )
                .bind(&ids)
                .bind(&titles)
                .bind(&folded)
                .bind(FOLDING)
            })
            .await?;
        Ok(answer.affected)
    }
}
