use async_trait::async_trait;
use keeper_domain::{
    Description, FOLDING, Movie, MovieChange, MovieId, MovieQuery, NewMovie, Page, PageLimit, Slice,
    Timestamp, Title, TitlePart, fold,
};
use keeper_ports::inventory::MovieRepository;
use keeper_ports::{PortError, PortResult, chain};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use crate::SqliteDatabase;
use crate::database::RowError;
use crate::writer::Write;

/// The shortest part of a title, in characters, that the trigram index can look up.
const TRIGRAM: usize = 3;

/// The catalogue's store on SQLite.
#[derive(Debug, Clone)]
pub struct SqliteMovies {
    database: SqliteDatabase,
}

impl SqliteMovies {
    /// Makes the store over [`crate::Directory::inventory`].
    pub fn new(database: SqliteDatabase) -> Self {
        Self { database }
    }

    /// Reads a page. A row that breaks a rule is left out, so that it does not take the others with it.
    async fn page(&self, query: &MovieQuery, page: Page<MovieId>) -> PortResult<Slice<Movie>> {
        let (limit, mut after) = (usize::from(page.limit.get()), page.after.map_or(0, MovieId::get));
        let mut items = Vec::new();
        loop {
            let rows = self.rows(query, after, page.limit).await?;
            items.extend(self.readable(&rows));
            match rows.last() {
                Some(last) if items.len() <= limit && rows.len() > limit => {
                    after = last.try_get(0).map_err(|error| self.database.broken(error.into()))?;
                }
                _ => return Ok(Slice::of_one_more(items, page.limit)),
            }
        }
    }

    /// Finds the rows after an id, at most one more than the limit.
    async fn rows(&self, query: &MovieQuery, after: i64, limit: PageLimit) -> PortResult<Vec<SqliteRow>> {
        let one_more = limit.get() + 1;
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
        self.database.rows(statement).await
    }

    /// The movies of a statement's rows. A row that breaks a rule is left out, so that it does not take the others with it.
    fn readable(&self, rows: &[SqliteRow]) -> impl Iterator<Item = Movie> {
        rows.iter().filter_map(|row| {
            let left_out =
                |broken: &PortError| tracing::error!(cause = broken.chain(), "a movie is left out");
            self.movie(row).inspect_err(left_out).ok()
        })
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
        Ok(self.readable(&self.database.rows(statement).await?).next())
    }

    async fn find_many(&self, ids: Vec<MovieId>) -> PortResult<Vec<Movie>> {
        let ids = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let statement = sqlx::query(
            "SELECT id, title, description, created_at, updated_at FROM movies
             WHERE id IN (SELECT value FROM json_each(?1))",
        )
        .bind(format!("[{ids}]"));
        let rows = self.database.rows(statement).await?;
        Ok(self.readable(&rows).collect())
    }

    async fn search(&self, query: MovieQuery, page: Page<MovieId>) -> PortResult<Slice<Movie>> {
        self.page(&query, page).await
    }

    async fn update(&self, id: MovieId, change: MovieChange, now: Timestamp) -> PortResult<Option<Movie>> {
        let row = self.database.write(Update { id, current: None, change, now }).await?;
        row.map(|row| self.movie(&row)).transpose()
    }

    async fn update_if(
        &self,
        current: Movie,
        change: MovieChange,
        now: Timestamp,
    ) -> PortResult<Option<Movie>> {
        let row = self.database.write(Update { id: current.id, current: Some(current), change, now }).await?;
        row.map(|row| self.movie(&row)).transpose()
    }

    async fn delete(&self, id: MovieId) -> PortResult<bool> {
        Ok(self.database.write(Delete::One(id)).await? > 0)
    }

    async fn delete_if(&self, current: Movie) -> PortResult<bool> {
        Ok(self.database.write(Delete::Exactly(current)).await? > 0)
    }

    async fn delete_all(&self) -> PortResult<u64> {
        self.database.write(Delete::All).await
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
            "INSERT INTO movies (title, title_folded, description, created_at, updated_at, folding)
             VALUES (?1, ?2, ?3, ?4, ?4, ?5) RETURNING id",
        )
        .bind(self.movie.title.as_str())
        .bind(fold(self.movie.title.as_str()))
        .bind(self.movie.description.as_str())
        .bind(self.now.as_millis())
        .bind(FOLDING)
        .fetch_one(connection)
        .await
    }
}

struct Update {
    id: MovieId,
    /// What the movie must be.
    current: Option<Movie>,
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
                 folding = iif(?3 IS NULL, folding, ?6), description = coalesce(?4, description), updated_at = ?5
             WHERE id = ?1
                 AND (?7 IS NULL OR (title = ?7 AND description = ?8 AND created_at = ?9 AND updated_at = ?10))
             RETURNING id, title, description, created_at, updated_at",
        )
        .bind(self.id.get())
        .bind(title)
        .bind(title.map(fold))
        .bind(self.change.description().map(Description::as_str))
        .bind(self.now.as_millis())
        .bind(FOLDING)
        .bind(self.current.as_ref().map(|movie| movie.title.as_str()))
        .bind(self.current.as_ref().map(|movie| movie.description.as_str()))
        .bind(self.current.as_ref().map(|movie| movie.created_at.as_millis()))
        .bind(self.current.as_ref().map(|movie| movie.updated_at.as_millis()))
        .fetch_optional(connection)
        .await
    }
}

/// Folds anew the titles that an earlier version of the program has folded by another rule. One that cannot be read stays as it
/// is: it does not take the others with it.
pub(crate) async fn fold_anew(database: &SqliteDatabase) -> PortResult<()> {
    let mut after = i64::MIN;
    while let Some(last) = database.write(FoldSome { after }).await? {
        after = last;
    }
    Ok(())
}

/// Folds a batch of titles anew, those after an id.
struct FoldSome {
    after: i64,
}

#[async_trait]
impl Write for FoldSome {
    /// The last one's id, if there was one.
    type Output = Option<i64>;

    async fn apply(&self, connection: &mut SqliteConnection) -> sqlx::Result<Option<i64>> {
        let stale =
            sqlx::query("SELECT id, title FROM movies WHERE folding < 2 AND id > ?1 ORDER BY id LIMIT 1000")
                .bind(self.after)
                .fetch_all(&mut *connection)
                .await?;
        for row in &stale {
            let id: i64 = row.try_get(0)?;
            let title: &str = match row.try_get(1) {
                Ok(title) => title,
                Err(error) => {
                    tracing::error!(movie = id, cause = chain(&error), "a movie's title cannot be read");
                    continue;
                }
            };
            sqlx::query("UPDATE movies SET title_folded = ?2, folding = ?3 WHERE id = ?1")
                .bind(id)
                .bind(fold(title))
                .bind(FOLDING)
                .execute(&mut *connection)
                .await?;
        }
        stale.last().map(|row| row.try_get(0)).transpose()
    }
}

/// Which movies are deleted.
enum Delete {
    One(MovieId),
    /// If it is still this.
    Exactly(Movie),
    All,
}

#[async_trait]
impl Write for Delete {
    type Output = u64;

    async fn apply(&self, connection: &mut SqliteConnection) -> sqlx::Result<u64> {
        let statement = match self {
            Self::One(id) => sqlx::query("DELETE FROM movies WHERE id = ?1").bind(id.get()),
            Self::Exactly(movie) => sqlx::query(
                "DELETE FROM movies WHERE id = ?1 AND title = ?2 AND description = ?3
                 AND created_at = ?4 AND updated_at = ?5",
            )
            .bind(movie.id.get())
            .bind(movie.title.as_str())
            .bind(movie.description.as_str())
            .bind(movie.created_at.as_millis())
            .bind(movie.updated_at.as_millis()),
            Self::All => sqlx::query("DELETE FROM movies"),
        };
        Ok(statement.execute(connection).await?.rows_affected())
    }
}

/// Reads a row; what breaks a rule of the domain was not written by this program, and names the row.
fn movie(row: &SqliteRow) -> Result<Movie, RowError> {
    let id: i64 = row.try_get(0)?;
    read(id, row).map_err(|cause| format!("the row of movie {id} is broken: {cause}").into())
}

fn read(id: i64, row: &SqliteRow) -> Result<Movie, RowError> {
    Ok(Movie {
        id: MovieId::new("id", id)?,
        title: Title::from_store(row.try_get(1)?)?,
        description: Description::from_store(row.try_get::<&str, _>(2)?),
        created_at: Timestamp::from_millis(row.try_get(3)?)?,
        updated_at: Timestamp::from_millis(row.try_get(4)?)?,
    })
}
