use async_trait::async_trait;
use keeper_batching::Coalescer;
use keeper_domain::{
    Movie, MovieChange, MovieId, MovieQuery, NewMovie, Page, PageLimit, Slice, Timestamp, TitlePart,
};
use keeper_ports::PortResult;
use keeper_ports::inventory::MovieRepository;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::PgDatabase;
use crate::movie_edits::{delete_if, update_if};
use crate::movie_inserts::{Insert, insert_all};
use crate::movie_row::readable;
use crate::movie_updates::{Update, update_all};

/// Of one id.
const FIND: &str = "SELECT id, title, description, created_at, updated_at FROM movies WHERE id = $1";

/// Of an array of ids.
const FIND_MANY: &str =
    "SELECT id, title, description, created_at, updated_at FROM movies WHERE id = ANY($1)";

/// After $1, at most $2, whose title fits the pattern $3.
const SEARCH: &str = "SELECT id, title, description, created_at, updated_at FROM movies
     WHERE id > $1 AND title_folded LIKE $3 ORDER BY id LIMIT $2";

/// The same, for a part that trigrams do not find, $4: all its characters are in the title.
const SEARCH_BY_CHARACTERS: &str = "SELECT id, title, description, created_at, updated_at FROM movies
     WHERE id > $1 AND title_folded LIKE $3 AND string_to_array(title_folded, NULL) @> string_to_array($4, NULL)
     ORDER BY id LIMIT $2";

/// The catalogue's store on PostgreSQL. Additions and changes that come together share a statement and so a commit; that
/// is here and not in a decorator, since only the store can take a batch apart around the one that it refuses.
#[derive(Clone)]
pub struct PgMovies {
    database: PgDatabase,
    inserts: Coalescer<Insert, MovieId>,
    updates: Coalescer<Update, Option<Movie>>,
}

impl PgMovies {
    /// Makes the store; the database's schema is [`crate::Schema::Inventory`].
    pub fn new(database: PgDatabase) -> Self {
        let (inserting, updating) = (database.clone(), database.clone());
        Self {
            inserts: Coalescer::new(database.dependency(), move |movies| {
                insert_all(inserting.clone(), movies)
            }),
            updates: Coalescer::new(database.dependency(), move |changes| {
                update_all(updating.clone(), changes)
            }),
            database,
        }
    }

    pub(crate) fn database(&self) -> &PgDatabase {
        &self.database
    }

    /// Reads a page. A row that breaks a rule is left out, so that it does not take the others with it.
    async fn page(&self, query: &MovieQuery, page: Page<MovieId>) -> PortResult<Slice<Movie>> {
        let (limit, mut after) = (usize::from(page.limit.get()), page.after.map_or(0, MovieId::get));
        let mut items = Vec::new();
        loop {
            let rows = self.rows(query, after, page.limit).await?;
            items.extend(readable(&self.database, &rows));
            match rows.last() {
                Some(last) if items.len() <= limit && rows.len() > limit => {
                    after = last.try_get(0).map_err(|error| self.database.meaning(error))?;
                }
                _ => return Ok(Slice::of_one_more(items, page.limit)),
            }
        }
    }

    /// Finds the rows after an id, at most one more than the limit.
    async fn rows(&self, query: &MovieQuery, after: i64, limit: PageLimit) -> PortResult<Vec<PgRow>> {
        let one_more = i64::from(limit.get()) + 1;
        let answer = match &query.title {
            Some(part) => {
                let (pattern, by_trigrams) = (like_pattern(part), has_trigram(part));
                self.database
                    .read(|| {
                        let statement = if by_trigrams { SEARCH } else { SEARCH_BY_CHARACTERS };
                        let search = sqlx::query(statement).bind(after).bind(one_more).bind(&pattern);
                        let search = if by_trigrams { search } else { search.bind(part.as_folded_str()) };
                        // Planned anew each time, with the part in sight: a common one is found walking the primary
                        // key, a rare one in an index of titles. Either plan is hundreds of times slower for the
                        // other kind, and a prepared statement would settle for one of them.
                        search.persistent(false)
                    })
                    .await?
            }
            None => {
                self.database
                    .read(|| {
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
        Ok(answer.rows)
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
        let answer = self.database.read(|| sqlx::query(FIND).bind(id.get())).await?;
        Ok(readable(&self.database, &answer.rows).next())
    }

    async fn find_many(&self, ids: Vec<MovieId>) -> PortResult<Vec<Movie>> {
        let ids: Vec<i64> = ids.into_iter().map(MovieId::get).collect();
        let answer = self.database.read(|| sqlx::query(FIND_MANY).bind(&ids)).await?;
        Ok(readable(&self.database, &answer.rows).collect())
    }

    async fn search(&self, query: MovieQuery, page: Page<MovieId>) -> PortResult<Slice<Movie>> {
        self.page(&query, page).await
    }

    async fn update(&self, id: MovieId, change: MovieChange, now: Timestamp) -> PortResult<Option<Movie>> {
        self.updates.call((id, change, now)).await
    }

    async fn update_if(
        &self,
        current: Movie,
        change: MovieChange,
        now: Timestamp,
    ) -> PortResult<Option<Movie>> {
        update_if(&self.database, &current, &change, now).await
    }

    async fn delete(&self, id: MovieId) -> PortResult<bool> {
        let statement = || sqlx::query("DELETE FROM movies WHERE id = $1").bind(id.get());
        Ok(self.database.once(statement).await?.affected > 0)
    }

    async fn delete_if(&self, current: Movie) -> PortResult<bool> {
        delete_if(&self.database, &current).await
    }

    async fn delete_all(&self) -> PortResult<u64> {
        Ok(self.database.once(|| sqlx::query("DELETE FROM movies")).await?.affected)
    }
}

/// Whether trigrams find the part in every database. They are made of letters and digits, and which characters beyond
/// ASCII are some depends on the database's locale.
fn has_trigram(part: &TitlePart) -> bool {
    part.as_folded_str().as_bytes().windows(3).any(|three| three.iter().all(u8::is_ascii_alphanumeric))
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
