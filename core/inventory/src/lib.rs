//! What the catalogue does: the use case [`Inventory`], pure, over the ports.
#![warn(missing_docs)]

use std::sync::Arc;

use async_trait::async_trait;
use keeper_domain::{Edit, Movie, MovieChange, MovieId, MovieQuery, MovieVersion, NewMovie, Page, Slice};
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

    /// The movie, if it is in one of these versions.
    async fn in_version(&self, id: MovieId, versions: &[MovieVersion]) -> PortResult<Edit<Movie>> {
        Ok(match self.movies.find(id).await? {
            None => Edit::Absent,
            Some(movie) if versions.contains(&movie.version()) => Edit::Done(movie),
            Some(_) => Edit::Outdated,
        })
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

    async fn change_if(
        &self,
        id: MovieId,
        versions: Vec<MovieVersion>,
        change: MovieChange,
    ) -> PortResult<Edit<Movie>> {
        let current = match self.in_version(id, &versions).await? {
            Edit::Done(current) => current,
            other => return Ok(other),
        };
        // Somebody may be faster still: the store looks again as it changes it.
        let changed = self.movies.update_if(current, change, self.clock.now()).await?;
        Ok(changed.map_or(Edit::Outdated, Edit::Done))
    }

    async fn remove(&self, id: MovieId) -> PortResult<bool> {
        self.movies.delete(id).await
    }

    async fn remove_if(&self, id: MovieId, versions: Vec<MovieVersion>) -> PortResult<Edit<()>> {
        let current = match self.in_version(id, &versions).await? {
            Edit::Done(current) => current,
            other => return Ok(other.map(drop)),
        };
        Ok(if self.movies.delete_if(current).await? { Edit::Done(()) } else { Edit::Outdated })
    }

    async fn clear(&self) -> PortResult<u64> {
        self.movies.delete_all().await
    }
}

#[cfg(test)]
mod tests;
