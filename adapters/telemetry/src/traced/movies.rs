use std::sync::Arc;

use async_trait::async_trait;
use keeper_domain::{Movie, MovieChange, MovieId, MovieQuery, NewMovie, Page, Slice, Timestamp};
use keeper_ports::PortResult;
use keeper_ports::inventory::MovieRepository;

use super::TracedDatabase;
use super::database::Operation;

const SELECT: Operation = Operation::new("SELECT", "movies", "SELECT movies");
const INSERT: Operation = Operation::new("INSERT", "movies", "INSERT movies");
const UPDATE: Operation = Operation::new("UPDATE", "movies", "UPDATE movies");
const DELETE: Operation = Operation::new("DELETE", "movies", "DELETE movies");

/// A store of movies whose calls are spans.
pub struct TracedMovies {
    database: TracedDatabase,
    movies: Arc<dyn MovieRepository>,
}

impl TracedMovies {
    /// Decorates a store that keeps its movies in a database.
    pub fn new(database: TracedDatabase, movies: Arc<dyn MovieRepository>) -> Self {
        Self { database, movies }
    }
}

#[async_trait]
impl MovieRepository for TracedMovies {
    async fn insert(&self, movie: NewMovie, now: Timestamp) -> PortResult<Movie> {
        self.database.call(&INSERT, None, self.movies.insert(movie, now)).await
    }

    async fn find(&self, id: MovieId) -> PortResult<Option<Movie>> {
        self.database.call(&SELECT, None, self.movies.find(id)).await
    }

    async fn find_many(&self, ids: Vec<MovieId>) -> PortResult<Vec<Movie>> {
        self.database.call(&SELECT, Some(ids.len()), self.movies.find_many(ids)).await
    }

    async fn search(&self, query: MovieQuery, page: Page<MovieId>) -> PortResult<Slice<Movie>> {
        self.database.call(&SELECT, None, self.movies.search(query, page)).await
    }

    async fn update(&self, id: MovieId, change: MovieChange, now: Timestamp) -> PortResult<Option<Movie>> {
        self.database.call(&UPDATE, None, self.movies.update(id, change, now)).await
    }

    async fn update_if(
        &self,
        current: Movie,
        change: MovieChange,
        now: Timestamp,
    ) -> PortResult<Option<Movie>> {
        self.database.call(&UPDATE, None, self.movies.update_if(current, change, now)).await
    }

    async fn delete(&self, id: MovieId) -> PortResult<bool> {
        self.database.call(&DELETE, None, self.movies.delete(id)).await
    }

    async fn delete_if(&self, current: Movie) -> PortResult<bool> {
        self.database.call(&DELETE, None, self.movies.delete_if(current)).await
    }

    async fn delete_all(&self) -> PortResult<u64> {
        self.database.call(&DELETE, None, self.movies.delete_all()).await
    }
}
