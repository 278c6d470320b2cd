use std::sync::Arc;

use async_trait::async_trait;
use keeper_domain::{Movie, MovieChange, MovieId, MovieQuery, NewMovie, Page, Slice, Timestamp};
use keeper_ports::PortResult;
use keeper_ports::inventory::MovieRepository;

use crate::movie_reads::MovieReads;

/// A store whose reads by id share trips. Everything else goes as it comes.
#[derive(Clone)]
pub struct BatchedMovies {
    movies: Arc<dyn MovieRepository>,
    reads: MovieReads,
}

impl BatchedMovies {
    /// Decorates a store, whose name for operators is `dependency`.
    pub fn new(dependency: &'static str, movies: Arc<dyn MovieRepository>) -> Self {
        let reads = MovieReads::new(dependency, Arc::clone(&movies));
        Self { movies, reads }
    }
}

#[async_trait]
impl MovieRepository for BatchedMovies {
    async fn insert(&self, movie: NewMovie, now: Timestamp) -> PortResult<Movie> {
        self.movies.insert(movie, now).await
    }

    async fn find(&self, id: MovieId) -> PortResult<Option<Movie>> {
        self.reads.find(id).await
    }

    async fn find_many(&self, ids: Vec<MovieId>) -> PortResult<Vec<Movie>> {
        self.movies.find_many(ids).await
    }

    async fn search(&self, query: MovieQuery, page: Page<MovieId>) -> PortResult<Slice<Movie>> {
        self.movies.search(query, page).await
    }

    async fn update(&self, id: MovieId, change: MovieChange, now: Timestamp) -> PortResult<Option<Movie>> {
        self.movies.update(id, change, now).await
    }

    async fn update_if(
        &self,
        current: Movie,
        change: MovieChange,
        now: Timestamp,
    ) -> PortResult<Option<Movie>> {
        self.movies.update_if(current, change, now).await
    }

    async fn delete(&self, id: MovieId) -> PortResult<bool> {
        self.movies.delete(id).await
    }

    async fn delete_if(&self, current: Movie) -> PortResult<bool> {
        self.movies.delete_if(current).await
    }

    async fn delete_all(&self) -> PortResult<u64> {
        self.movies.delete_all().await
    }
}
