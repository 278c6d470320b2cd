use std::time::Duration;

use keeper_domain::{FOLDING, fold};
use keeper_ports::{PortError, PortResult};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::PgMovies;

/// So many titles are folded anew in one step: their rows are locked for some milliseconds.
const BATCH: i64 = 500;
/// How often titles are looked for that an earlier version of the program has written meanwhile.
const PAUSE: Duration = Duration::from_mins(1);
/// How long a failed step waits.
const RETRY: Duration = Duration::from_secs(5);

/// What came of a pass over the titles.
#[derive(Debug, Default)]
pub struct Folded {
    /// So many were folded anew.
    pub titles: u64,
    /// So many were left as they are: another rule of the table refuses the change.
    pub refused: u64,
    /// Why the first of those was.
    pub cause: Option<String>,
}

/// A title that was folded by an earlier rule.
struct Stale {
    id: i64,
    title: String,
}

impl Stale {
    fn of(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self { id: row.try_get(0)?, title: row.try_get(1)? })
    }
}

impl PgMovies {
    /// Folds anew what was folded by an earlier rule, for as long as it is polled: at an upgrade the versions before
    /// this one go on writing beside it. Titles are found by the earlier rule until then. What keeps titles from it is
    /// logged once.
    pub async fn keep_folding(&self) {
        let mut told = None;
        loop {
            let (cause, pause) = match self.fold_all().await {
                Ok(folded) => (folded.cause, PAUSE),
                // The probe reports a database that is away, or whose schema is not there yet.
                Err(error) if error.is_transient() => (told.clone(), RETRY),
                Err(error) => (Some(error.chain()), RETRY),
            };
            if cause != told {
                if let Some(cause) = &cause {
                    tracing::warn!(
                        cause,
                        "titles are not folded anew: a search finds them by an earlier rule"
                    );
                }
                told = cause;
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Folds all titles anew that were folded by an earlier rule, in batches. One that another rule of the table refuses does not
    /// take the others with it.
    ///
    /// # Errors
    /// The database is away.
    pub async fn fold_all(&self) -> PortResult<Folded> {
        let (mut folded, mut after) = (Folded::default(), 0);
        loop {
            let stale = self.stale(after).await?;
            let Some(last) = stale.last() else { return Ok(folded) };
            after = last.id;
            self.fold_in_parts(&stale, &mut folded).await?;
        }
    }

    /// Halves what is refused until it is one title.
    async fn fold_in_parts(&self, stale: &[Stale], folded: &mut Folded) -> PortResult<()> {
        let mut parts = vec![stale];
        while let Some(part) = parts.pop() {
            match (self.fold_anew(part).await, part) {
                (Ok(titles), _) => folded.titles += titles,
                (Err(refused @ PortError::Failed { .. }), [one]) => {
                    folded.refused += 1;
                    folded.cause.get_or_insert_with(|| format!("movie {}: {}", one.id, refused.chain()));
                }
                (Err(PortError::Failed { .. }), _) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                (Err(transient), _) => return Err(transient),
            }
        }
        Ok(())
    }

    /// The next titles to be folded anew, by id. A row that cannot be read cannot be changed, either.
    async fn stale(&self, after: i64) -> PortResult<Vec<Stale>> {
        let database = self.database();
        // The first condition is that of the index movies_to_fold.
        let question = format!(
            "SELECT id, title FROM movies WHERE folding < {FOLDING} AND id > $1
             AND NOT is_blank(title) AND is_time(created_at) AND is_time(updated_at) ORDER BY id LIMIT $2"
        );
        let answer = database
            .read(|| sqlx::query(sqlx::AssertSqlSafe(question.clone())).bind(after).bind(BATCH))
            .await?;
        let stale = answer.rows.iter().map(Stale::of).collect::<sqlx::Result<_>>();
        stale.map_err(|error| database.meaning(error))
    }

    async fn fold_anew(&self, stale: &[Stale]) -> PortResult<u64> {
        let ids: Vec<i64> = stale.iter().map(|stale| stale.id).collect();
        let titles: Vec<&str> = stale.iter().map(|stale| stale.title.as_str()).collect();
        let folded: Vec<String> = titles.iter().map(|title| fold(title)).collect();
        let answer = self
            .database()
            .repeatable(|| {
                // A row that somebody else changes at the moment is left for the next pass.
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
