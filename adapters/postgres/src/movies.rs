use async_trait::async_trait;
use chrono::{DateTime, Utc};
use keeper_domain::{
    Description, Movie, MovieChange, MovieId, MovieQuery, NewMovie, Page, Slice, Timestamp, Title, TitlePart,
    fold_case,
};
use keeper_ports::inventory::MovieRepository;
use keeper_ports::{PortError, PortResult};
use keeper_wire::coalesce::{Answers, Coalescer};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::Database;
use crate::database::Answer;

/// How many shared statements of a kind are under way at once. Measured with 32 clients, a read then costs the database
/// less than half of what a statement of its own does.
const MAX_BATCHES: usize = 2;

/// The catalogue's store on PostgreSQL.
#[derive(Clone)]
pub struct PgMovies {
    database: Database,
    finds: Coalescer<MovieId, Option<Movie>>,
    inserts: Coalescer<Insert, MovieId>,
}

/// A movie to be inserted, and when.
type Insert = (NewMovie, Timestamp);

impl PgMovies {
    /// Makes the store; the database's schema is [`crate::Schema::Inventory`].
    pub fn new(database: Database) -> Self {
        let (finding, inserting) = (database.clone(), database.clone());
        Self {
            finds: Coalescer::new(database.what(), MAX_BATCHES, move |ids| find_all(finding.clone(), ids)),
            inserts: Coalescer::new(database.what(), MAX_BATCHES, move |movies| {
                insert_all(inserting.clone(), movies)
            }),
            database,
        }
    }

    fn first(&self, answer: &Answer) -> PortResult<Option<Movie>> {
        answer.rows.first().map(|row| movie(&self.database, row)).transpose()
    }
}

#[async_trait]
impl MovieRepository for PgMovies {
    async fn insert(&self, movie: NewMovie, now: Timestamp) -> PortResult<Movie> {
        let id = self.inserts.call((movie.clone(), now)).await?;
        let NewMovie { title, description } = movie;
        Ok(Movie { id, title, description, created_at: now, updated_at: now })
    }

    async fn find(&self, id: MovieId) -> PortResult<Option<Movie>> {
        self.finds.call(id).await
    }

    async fn search(&self, query: MovieQuery, page: Page<MovieId>) -> PortResult<Slice<Movie>> {
        let after = page.after.map_or(0, MovieId::get);
        let one_more = i64::from(page.limit.get()) + 1;
        let answer = match query.title.as_ref().map(like_pattern) {
            Some(pattern) => {
                self.database
                    .repeatable(|| {
                        sqlx::query(
                            "SELECT id, title, description, created_at, updated_at FROM movies
                         WHERE id > $1 AND title_folded LIKE $3 ORDER BY id LIMIT $2",
                        )
                        .bind(after)
                        .bind(one_more)
                        .bind(&pattern)
                        // Planned anew each time, with the pattern in sight: a common part is found walking the
                        // primary key, a rare one in the trigram index. Either plan is hundreds of times slower for
                        // the other kind, and a prepared statement would settle for one of them.
                        .persistent(false)
                    })
                    .await?
            }
            None => {
                self.database
                    .repeatable(|| {
                        sqlx::query(
                            "SELECT id, title, description, created_at, updated_at FROM movies
                         WHERE id > $1 ORDER BY id LIMIT $2",
                        )
                        .bind(after)
                        .bind(one_more)
                    })
                    .await?
            }
        };
        let movies: PortResult<Vec<_>> = answer.rows.iter().map(|row| movie(&self.database, row)).collect();
        Ok(Slice::of_one_more(movies?, page.limit))
    }

    async fn update(&self, id: MovieId, change: MovieChange, now: Timestamp) -> PortResult<Option<Movie>> {
        let folded = change.title().map(|title| fold_case(title.as_str()));
        let answer = self
            .database
            .repeatable(|| {
                sqlx::query(
                    "UPDATE movies
                     SET title = coalesce($2, title), title_folded = coalesce($3, title_folded),
                         description = coalesce($4, description), updated_at = $5
                     WHERE id = $1 RETURNING id, title, description, created_at, updated_at",
                )
                .bind(id.get())
                .bind(change.title().map(Title::as_str))
                .bind(folded.as_deref())
                .bind(change.description().map(Description::as_str))
                .bind(now.as_datetime())
            })
            .await?;
        self.first(&answer)
    }

    async fn delete(&self, id: MovieId) -> PortResult<bool> {
        let statement = sqlx::query("DELETE FROM movies WHERE id = $1").bind(id.get());
        Ok(self.database.once(statement).await?.affected > 0)
    }

    async fn delete_all(&self) -> PortResult<u64> {
        Ok(self.database.once(sqlx::query("DELETE FROM movies")).await?.affected)
    }
}

async fn find_all(database: Database, ids: Vec<MovieId>) -> Answers<Option<Movie>> {
    let numbers: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    let answer = database
        .repeatable(|| {
            sqlx::query(
                "SELECT id, title, description, created_at, updated_at FROM movies WHERE id = ANY($1)",
            )
            .bind(&numbers)
        })
        .await?;
    let read = |row: &PgRow| row.try_get::<i64, _>(0).map_err(|error| database.meaning(error));
    let found: Vec<i64> = answer.rows.iter().map(read).collect::<PortResult<_>>()?;
    let row = |id: &MovieId| found.iter().position(|found| *found == id.get()).map(|at| &answer.rows[at]);
    Ok(ids.iter().map(|id| row(id).map(|row| movie(&database, row)).transpose()).collect())
}

/// Inserts movies in one step. Where one of them is at fault, each is inserted by itself, so that it alone fails.
async fn insert_all(database: Database, movies: Vec<Insert>) -> Answers<MovieId> {
    match insert(&database, &movies).await {
        Err(PortError::Failed { .. }) if movies.len() > 1 => {
            let mut answers = Vec::with_capacity(movies.len());
            for movie in &movies {
                answers.push(insert(&database, std::slice::from_ref(movie)).await.map(|ids| ids[0]));
            }
            Ok(answers)
        }
        ids => Ok(ids?.into_iter().map(Ok).collect()),
    }
}

async fn insert(database: &Database, movies: &[Insert]) -> PortResult<Vec<MovieId>> {
    let titles: Vec<&str> = movies.iter().map(|(movie, _)| movie.title.as_str()).collect();
    let folded: Vec<String> = titles.iter().map(|title| fold_case(title)).collect();
    let descriptions: Vec<&str> = movies.iter().map(|(movie, _)| movie.description.as_str()).collect();
    let times: Vec<DateTime<Utc>> = movies.iter().map(|(_, now)| now.as_datetime()).collect();
    // The ids are drawn first, since RETURNING does not promise the order of the rows.
    let statement = sqlx::query(
        "WITH movie AS MATERIALIZED (
             SELECT nextval(pg_get_serial_sequence('movies', 'id')) AS id, title, folded, description, now, place
             FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
                 WITH ORDINALITY AS movie (title, folded, description, now, place)
         ), added AS (
             INSERT INTO movies (id, title, title_folded, description, created_at, updated_at)
             OVERRIDING SYSTEM VALUE SELECT id, title, folded, description, now, now FROM movie
         )
         SELECT id FROM movie ORDER BY place",
    )
    .bind(titles)
    .bind(folded)
    .bind(descriptions)
    .bind(times);
    let answer = database.once(statement).await?;
    let id = |row: &PgRow| -> Result<MovieId, Broken> { Ok(MovieId::new("id", row.try_get(0)?)?) };
    let ids: Result<Vec<_>, _> = answer.rows.iter().map(id).collect();
    let ids = ids.map_err(|broken| PortError::failed(database.what(), broken))?;
    if ids.len() == movies.len() {
        Ok(ids)
    } else {
        Err(PortError::failed(database.what(), "an id is missing"))
    }
}

/// The part between wildcards, with its own wildcards and escapes taken literally.
fn like_pattern(part: &TitlePart) -> String {
    let part = part.as_folded_str();
    let mut pattern = String::with_capacity(part.len() + 8);
    pattern.push('%');
    for character in part.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

type Broken = Box<dyn std::error::Error + Send + Sync>;

/// Reads a row; what breaks a rule of the domain was not written by this program, and names the row.
fn movie(database: &Database, row: &PgRow) -> PortResult<Movie> {
    let read = || -> Result<Movie, Broken> {
        let id: i64 = row.try_get(0)?;
        checked(id, row).map_err(|cause| format!("the row of movie {id} is broken: {cause}").into())
    };
    read().map_err(|cause| PortError::failed(database.what(), cause))
}

fn checked(id: i64, row: &PgRow) -> Result<Movie, Broken> {
    Ok(Movie {
        id: MovieId::new("id", id)?,
        title: Title::new(row.try_get(1)?)?,
        description: Description::new(row.try_get::<&str, _>(2)?)?,
        created_at: row.try_get::<DateTime<Utc>, _>(3)?.into(),
        updated_at: row.try_get::<DateTime<Utc>, _>(4)?.into(),
    })
}
