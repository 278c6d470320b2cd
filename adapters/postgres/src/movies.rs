use async_trait::async_trait;
use chrono::{DateTime, Utc};
use keeper_domain::{
    Description, Movie, MovieChange, MovieId, MovieQuery, NewMovie, Page, Slice, Timestamp, Title, TitlePart,
    fold_case,
};
use keeper_ports::inventory::MovieRepository;
use keeper_ports::{PortError, PortResult};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::Database;
use crate::database::Answer;

/// The catalogue's store on PostgreSQL.
#[derive(Debug, Clone)]
pub struct PgMovies {
    database: Database,
}

impl PgMovies {
    /// Makes the store; the database's schema is [`crate::Schema::Inventory`].
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    fn movie(&self, row: &PgRow) -> PortResult<Movie> {
        movie(row).map_err(|cause| PortError::failed(self.database.what(), cause))
    }

    fn first(&self, answer: &Answer) -> PortResult<Option<Movie>> {
        answer.rows.first().map(|row| self.movie(row)).transpose()
    }
}

#[async_trait]
impl MovieRepository for PgMovies {
    async fn insert(&self, movie: NewMovie, now: Timestamp) -> PortResult<Movie> {
        let NewMovie { title, description } = movie;
        let statement = sqlx::query(
            "INSERT INTO movies (title, title_folded, description, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $4) RETURNING id",
        )
        .bind(title.as_str())
        .bind(fold_case(title.as_str()))
        .bind(description.as_str())
        .bind(now.as_datetime());
        let id =
            self.database.once(statement).await?.scalar().map_err(|error| self.database.meaning(error))?;
        let id = MovieId::new("id", id).map_err(|broken| PortError::failed(self.database.what(), broken))?;
        Ok(Movie { id, title, description, created_at: now, updated_at: now })
    }

    async fn find(&self, id: MovieId) -> PortResult<Option<Movie>> {
        let answer = self
            .database
            .repeatable(|| {
                sqlx::query("SELECT id, title, description, created_at, updated_at FROM movies WHERE id = $1")
                    .bind(id.get())
            })
            .await?;
        self.first(&answer)
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
        let movies: PortResult<Vec<_>> = answer.rows.iter().map(|row| self.movie(row)).collect();
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
fn movie(row: &PgRow) -> Result<Movie, Broken> {
    let id: i64 = row.try_get(0)?;
    checked(id, row).map_err(|cause| format!("the row of movie {id} is broken: {cause}").into())
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
