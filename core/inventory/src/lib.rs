//! What the catalogue does: the use case [`Inventory`], pure, over the ports.
#![warn(missing_docs)]

use std::sync::Arc;

use async_trait::async_trait;
use keeper_domain::{Movie, MovieChange, MovieId, MovieQuery, NewMovie, Page, Slice};
use keeper_ports::inventory::{MovieCatalog, MovieRepository};
use keeper_ports::{Clock, PortResult};

/// The movie catalogue over a store and a clock.
pub struct Inventory {
    movies: Arc<dyn MovieRepository>,
    clock: Arc<dyn Clock>,
}

impl Inventory {
    /// Assembles the use case.
    pub fn new(movies: Arc<dyn MovieRepository>, clock: Arc<dyn Clock>) -> Self {
        Self { movies, clock }
    }
}

#[async_trait]
impl MovieCatalog for Inventory {
    async fn add(&self, movie: NewMovie) -> PortResult<Movie> {
        self.movies.insert(movie, self.clock.now()).await
    }

    async fn list(&self, query: MovieQuery, page: Page<MovieId>) -> PortResult<Slice<Movie>> {
        self.movies.search(query, page).await
    }

    async fn get(&self, id: MovieId) -> PortResult<Option<Movie>> {
        self.movies.find(id).await
    }

    async fn get_many(&self, ids: Vec<MovieId>) -> PortResult<Vec<Movie>> {
        self.movies.find_many(ids).await
    }

    async fn change(&self, id: MovieId, change: MovieChange) -> PortResult<Option<Movie>> {
        self.movies.update(id, change, self.clock.now()).await
    }

    async fn remove(&self, id: MovieId) -> PortResult<bool> {
        self.movies.delete(id).await
    }

    async fn clear(&self) -> PortResult<u64> {
        self.movies.delete_all().await
    }
}

#[cfg(test)]
mod tests;
