use std::sync::Arc;

use async_trait::async_trait;
use keeper_domain::{Edit, Movie, MovieChange, MovieId, MovieQuery, MovieVersion, NewMovie, Page, Slice};
use keeper_ports::PortResult;
use keeper_ports::inventory::MovieCatalog;

use crate::Guard;

/// A catalogue whose upstream may hang.
pub struct GuardedCatalog<G> {
    guard: G,
    catalog: Arc<dyn MovieCatalog>,
}

impl<G> GuardedCatalog<G> {
    /// Decorates a catalogue. Where calls share trips, its breaker is below that, and its bulkhead above.
    pub fn new(guard: G, catalog: Arc<dyn MovieCatalog>) -> Self {
        Self { guard, catalog }
    }
}

#[async_trait]
impl<G: Guard> MovieCatalog for GuardedCatalog<G> {
    async fn add(&self, movie: NewMovie) -> PortResult<Movie> {
        self.guard.guard(self.catalog.add(movie)).await
    }

    async fn list(&self, query: MovieQuery, page: Page<MovieId>) -> PortResult<Slice<Movie>> {
        self.guard.guard(self.catalog.list(query, page)).await
    }

    async fn get(&self, id: MovieId) -> PortResult<Option<Movie>> {
        self.guard.guard(self.catalog.get(id)).await
    }

    async fn get_many(&self, ids: Vec<MovieId>) -> PortResult<Vec<Movie>> {
        self.guard.guard(self.catalog.get_many(ids)).await
    }

    async fn change(&self, id: MovieId, change: MovieChange) -> PortResult<Option<Movie>> {
        self.guard.guard(self.catalog.change(id, change)).await
    }

    async fn change_if(
        &self,
        id: MovieId,
        versions: Vec<MovieVersion>,
        change: MovieChange,
    ) -> PortResult<Edit<Movie>> {
        self.guard.guard(self.catalog.change_if(id, versions, change)).await
    }

    async fn remove(&self, id: MovieId) -> PortResult<bool> {
        self.guard.guard(self.catalog.remove(id)).await
    }

    async fn remove_if(&self, id: MovieId, versions: Vec<MovieVersion>) -> PortResult<Edit<()>> {
        self.guard.guard(self.catalog.remove_if(id, versions)).await
    }

    async fn clear(&self) -> PortResult<u64> {
        self.guard.guard(self.catalog.clear()).await
    }
}
