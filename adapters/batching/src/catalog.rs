use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keeper_domain::{Edit, Movie, MovieChange, MovieId, MovieQuery, MovieVersion, NewMovie, Page, Slice};
use keeper_ports::inventory::MovieCatalog;
use keeper_ports::{PortError, PortResult};

use crate::movie_reads::MovieReads;

/// A catalogue whose reads by id share trips. Everything else goes as it comes.
pub struct BatchedCatalog {
    dependency: &'static str,
    catalog: Arc<dyn MovieCatalog>,
    reads: MovieReads,
    timeout: Duration,
}

impl BatchedCatalog {
    /// Decorates a catalogue, whose name for operators is `dependency`. A read is given up as `TimedOut` after `timeout`,
    /// the time that it waits for others included.
    pub fn new(dependency: &'static str, catalog: Arc<dyn MovieCatalog>, timeout: Duration) -> Self {
        let reads = MovieReads::new(dependency, Arc::clone(&catalog));
        Self { dependency, catalog, reads, timeout }
    }
}

#[async_trait]
impl MovieCatalog for BatchedCatalog {
    async fn add(&self, movie: NewMovie) -> PortResult<Movie> {
        self.catalog.add(movie).await
    }

    async fn list(&self, query: MovieQuery, page: Page<MovieId>) -> PortResult<Slice<Movie>> {
        self.catalog.list(query, page).await
    }

    async fn get(&self, id: MovieId) -> PortResult<Option<Movie>> {
        let late = |late| Err(PortError::timed_out(self.dependency, late));
        tokio::time::timeout(self.timeout, self.reads.find(id)).await.unwrap_or_else(late)
    }

    async fn get_many(&self, ids: Vec<MovieId>) -> PortResult<Vec<Movie>> {
        self.catalog.get_many(ids).await
    }

    async fn change(&self, id: MovieId, change: MovieChange) -> PortResult<Option<Movie>> {
        self.catalog.change(id, change).await
    }

    async fn change_if(
        &self,
        id: MovieId,
        versions: Vec<MovieVersion>,
        change: MovieChange,
    ) -> PortResult<Edit<Movie>> {
        self.catalog.change_if(id, versions, change).await
    }

    async fn remove(&self, id: MovieId) -> PortResult<bool> {
        self.catalog.remove(id).await
    }

    async fn remove_if(&self, id: MovieId, versions: Vec<MovieVersion>) -> PortResult<Edit<()>> {
        self.catalog.remove_if(id, versions).await
    }

    async fn clear(&self) -> PortResult<u64> {
        self.catalog.clear().await
    }
}
