use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use keeper_domain::{Movie, MovieId};
use keeper_ports::inventory::MAX_IDS;
use keeper_ports::{PortError, PortResult};
use keeper_telemetry::context::RequestContext;

use crate::coalescer::{Answers, Coalescer, MAX_CALLS};

const _: () = assert!(MAX_CALLS <= MAX_IDS, "a batch must fit into one call of the port");

/// What finds movies, one or many at a time.
#[async_trait]
pub(crate) trait MovieReader: Clone + Send + Sync + 'static {
    async fn one(&self, id: MovieId) -> PortResult<Option<Movie>>;
    async fn many(&self, ids: Vec<MovieId>) -> PortResult<Vec<Movie>>;
}

/// Reads of movies by id. Those that come while others are under way share a trip; one that comes alone goes alone.
#[derive(Clone)]
pub(crate) struct MovieReads(Coalescer<Read, Option<Movie>>);

/// A movie to be read, and the request that it is for.
struct Read {
    id: MovieId,
    context: Option<RequestContext>,
}

impl MovieReads {
    /// Reads with `reader`; `dependency` is its name for operators.
    pub(crate) fn new(dependency: &'static str, reader: impl MovieReader) -> Self {
        Self(Coalescer::new(dependency, move |reads| answer(reader.clone(), reads)))
    }

    pub(crate) async fn find(&self, id: MovieId) -> PortResult<Option<Movie>> {
        self.0.call(Read { id, context: RequestContext::current() }).await
    }
}

async fn answer(reader: impl MovieReader, reads: Vec<Read>) -> Answers<Option<Movie>> {
    if let [read] = &reads[..] {
        return Ok(vec![alone(&reader, read).await]);
    }
    let ids = reads.iter().map(|read| read.id).collect();
    let contexts = reads.iter().filter_map(|read| read.context.clone()).collect();
    match RequestContext::scope_shared(contexts, reader.many(ids)).await {
        // One of the movies may be at fault, which alone is to fail.
        Err(PortError::Failed { .. }) => Ok(join_all(reads.iter().map(|read| alone(&reader, read))).await),
        movies => {
            let movies = movies?;
            let movie = |read: &Read| movies.iter().find(|movie| movie.id == read.id).cloned();
            Ok(reads.iter().map(|read| Ok(movie(read))).collect())
        }
    }
}

async fn alone(reader: &impl MovieReader, read: &Read) -> PortResult<Option<Movie>> {
    RequestContext::scope_if_some(read.context.clone(), reader.one(read.id)).await
}

#[async_trait]
impl MovieReader for Arc<dyn keeper_ports::inventory::MovieCatalog> {
    async fn one(&self, id: MovieId) -> PortResult<Option<Movie>> {
        self.get(id).await
    }

    async fn many(&self, ids: Vec<MovieId>) -> PortResult<Vec<Movie>> {
        self.get_many(ids).await
    }
}

#[async_trait]
impl MovieReader for Arc<dyn keeper_ports::inventory::MovieRepository> {
    async fn one(&self, id: MovieId) -> PortResult<Option<Movie>> {
        self.find(id).await
    }

    async fn many(&self, ids: Vec<MovieId>) -> PortResult<Vec<Movie>> {
        self.find_many(ids).await
    }
}

#[cfg(test)]
#[path = "movie_reads_tests.rs"]
mod tests;
