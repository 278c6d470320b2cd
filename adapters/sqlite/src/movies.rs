use async_trait::async_trait;
use keeper_domain::{
    Description, Movie, MovieChange, MovieId, MovieQuery, NewMovie, Page, Slice, Timestamp, Title, TitlePart,
    fold_case,
};
use keeper_ports::PortResult;
use keeper_ports::inventory::MovieRepository;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use crate::Database;
use crate::database::Broken;
use crate::writer::Write;

/// The shortest part of a title, in characters, that the trigram index can look up.
const TRIGRAM: usize = 3;

/// The catalogue's store on SQLite.
#[derive(Debug, Clone)]
pub struct SqliteMovies {
    database: Database,
}

impl SqliteMovies {
    /// Makes the store over [`crate::Directory::inventory`].
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    fn movie(&self, row: &SqliteRow) -> PortResult<Movie> {
        movie(row).map_err(|cause| self.database.broken(cause))
    }
}

#[async_trait]
impl MovieRepository for SqliteMovies {
    async fn insert(&self, movie: NewMovie, now: Timestamp) -> PortResult<Movie> {
        let NewMovie { title, description } = movie.clone();
        let id = self.database.write(Insert { movie, now }).await?;
        let id = MovieId::new("id", id).map_err(|cause| self.database.broken(cause.into()))?;
        Ok(Movie { id, title, description, created_at: now, updated_at: now })
    }

    async fn find(&self, id: MovieId) -> PortResult<Option<Movie>> {
        let statement =
            sqlx::query("SELECT id, title, description, created_at, updated_at FROM movies WHERE id = ?1")
                .bind(id.get());
        self.database.row(statement).await?.map(|row| self.movie(&row)).transpose()
    }

    async fn search(&self, query: MovieQuery, page: Page<MovieId>) -> PortResult<Slice<Movie>> {
        let after = page.after.map_or(0, MovieId::get);
        let one_more = page.limit.get() + 1;
        let part = query.title.as_ref().map(TitlePart::as_folded_str);
        let statement = match part {
            None => sqlx::query(
                "SELECT id, title, description, created_at, updated_at FROM movies
                 WHERE id > ?1 ORDER BY id LIMIT ?2",
            )
            .bind(after)
            .bind(one_more),
            Some(part) if part.chars().count() < TRIGRAM => sqlx::query(
                "SELECT id, title, description, created_at, updated_at FROM movies
                 WHERE id > ?1 AND instr(title_folded, ?3) > 0 ORDER BY id LIMIT ?2",
            )
            .bind(after)
            .bind(one_more)
            .bind(part),
            // CROSS JOIN: the index first. It gives its rows by ascending rowid.
            Some(part) => sqlx::query(
                "SELECT id, title, description, created_at, updated_at
                 FROM movie_titles CROSS JOIN movies ON movies.id = movie_titles.rowid
                 WHERE movie_titles MATCH ?3 AND movie_titles.rowid > ?1
                 ORDER BY movie_titles.rowid LIMIT ?2",
            )
            .bind(after)
            .bind(one_more)
            .bind(phrase(part)),
        };
        let rows = self.database.rows(statement).await?;
        let movies: PortResult<Vec<_>> = rows.iter().map(|row| self.movie(row)).collect();
        Ok(Slice::of_one_more(movies?, page.limit))
    }

    async fn update(&self, id: MovieId, change: MovieChange, now: Timestamp) -> PortResult<Option<Movie>> {
        let row = self.database.write(Update { id, change, now }).await?;
        row.map(|row| self.movie(&row)).transpose()
    }

    async fn delete(&self, id: MovieId) -> PortResult<bool> {
        Ok(self.database.write(Delete { id: Some(id) }).await? > 0)
    }

    async fn delete_all(&self) -> PortResult<u64> {
        self.database.write(Delete { id: None }).await
    }
}

/// The part as one phrase of the full-text query language, in which only the quotation mark has a meaning.
fn phrase(part: &str) -> String {
    format!("\"{}\"", part.replace('"', "\"\""))
}

struct Insert {
    movie: NewMovie,
    now: Timestamp,
}

#[async_trait]
impl Write for Insert {
    type Output = i64;

    async fn apply(&self, connection: &mut SqliteConnection) -> sqlx::Result<i64> {
        sqlx::query_scalar(
            "INSERT INTO movies (title, title_folded, description, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?4) RETURNING id",
        )
        .bind(self.movie.title.as_str())
        .bind(fold_case(self.movie.title.as_str()))
        .bind(self.movie.description.as_str())
        .bind(self.now.as_millis())
        .fetch_one(connection)
        .await
    }
}

struct Update {
    id: MovieId,
    change: MovieChange,
    now: Timestamp,
}

#[async_trait]
impl Write for Update {
    type Output = Option<SqliteRow>;

    async fn apply(&self, connection: &mut SqliteConnection) -> sqlx::Result<Option<SqliteRow>> {
        let title = self.change.title().map(Title::as_str);
        sqlx::query(
            "UPDATE movies
             SET title = coalesce(?2, title), title_folded = coalesce(?3, title_folded),
                 description = coalesce(?4, description), updated_at = ?5
             WHERE id = ?1 RETURNING id, title, description, created_at, updated_at",
        )
        .bind(self.id.get())
        .bind(title)
        .bind(title.map(fold_case))
        .bind(self.change.description().map(Description::as_str))
        .bind(self.now.as_millis())
        .fetch_optional(connection)
        .await
    }
}

/// Deletes one movie, or all.
struct Delete {
    id: Option<MovieId>,
}

#[async_trait]
impl Write for Delete {
    type Output = u64;

    async fn apply(&self, connection: &mut SqliteConnection) -> sqlx::Result<u64> {
        let statement = match self.id {
            Some(id) => sqlx::query("DELETE FROM movies WHERE id = ?1").bind(id.get()),
            None => sqlx::query("DELETE FROM movies"),
        };
        Ok(statement.execute(connection).await?.rows_affected())
    }
}

/// Reads a row; what breaks a rule of the domain was not written by this program, and names the row.
fn movie(row: &SqliteRow) -> Result<Movie, Broken> {
    let id: i64 = row.try_get(0)?;
    checked(id, row).map_err(|cause| format!("the row of movie {id} is broken: {cause}").into())
}

fn checked(id: i64, row: &SqliteRow) -> Result<Movie, Broken> {
    Ok(Movie {
        id: MovieId::new("id", id)?,
        title: Title::new(row.try_get(1)?)?,
        description: Description::new(row.try_get::<&str, _>(2)?)?,
        created_at: Timestamp::from_millis(row.try_get(3)?)?,
        updated_at: Timestamp::from_millis(row.try_get(4)?)?,
    })
}
