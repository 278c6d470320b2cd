use std::sync::Arc;

use async_trait::async_trait;
use keeper_domain::{Edit, Movie, MovieChange, MovieId, MovieQuery, MovieVersion, NewMovie, Page, Slice};
use keeper_ports::PortResult;
use keeper_ports::inventory::MovieCatalog;

use crate::Upstream;

/// A catalogue whose upstream may hang.
pub struct GuardedCatalog {
    upstream: Arc<Upstream>,
    catalog: Arc<dyn MovieCatalog>,
}

impl GuardedCatalog {
    /// Decorates a catalogue.
    pub fn new(upstream: Arc<Upstream>, catalog: Arc<dyn MovieCatalog>) -> Self {
        Self { upstream, catalog }
    }
}

#[async_trait]
impl MovieCatalog for GuardedCatalog {
    async fn add(&self, movie: NewMovie) -> PortResult<Movie> {
        self.upstream.call(self.catalog.add(movie)).await
    }

    async fn list(&self, query: MovieQuery, page: Page<MovieId>) -> PortResult<Slice<Movie>> {
        self.upstream.call(self.catalog.list(query, page)).await
    }

    async fn get(&self, id: MovieId) -> PortResult<Option<Movie>> {
        self.upstream.call(self.catalog.get(id)).await
    }

    async fn get_many(&self, ids: Vec<MovieId>) -> PortResult<Vec<Movie>> {
        self.upstream.call(self.catalog.get_many(ids)).await
    }

    async fn change(&self, id: MovieId, change: MovieChange) -> PortResult<Option<Movie>> {
        self.upstream.call(self.catalog.change(id, change)).await
    }

    async fn change_if(
        &self,
        id: MovieId,
        versions: Vec<MovieVersion>,
        change: MovieChange,
    ) -> PortResult<Edit<Movie>> {
        self.upstream.call(self.catalog.change_if(id, versions, change)).await
    }

    async fn remove(&self, id: MovieId) -> PortResult<bool> {
        self.upstream.call(self.catalog.remove(id)).await
    }

    async fn remove_if(&self, id: MovieId, versions: Vec<MovieVersion>) -> PortResult<Edit<()>> {
        self.upstream.call(self.catalog.remove_if(id, versions)).await
    }

    async fn clear(&self) -> PortResult<u64> {
        self.upstream.call(self.catalog.clear()).await
    }
}
