//! The catalogue: what is asked of it, and what it asks of its store.

use async_trait::async_trait;
use keeper_domain::{
    Edit, Movie, MovieChange, MovieId, MovieQuery, MovieVersion, NewMovie, Page, Slice, Timestamp,
};

use crate::PortResult;

/// The most movies that may be asked for by their ids in one call.
pub const MAX_IDS: usize = 100;

/// The movie catalogue (driving): implemented by the use case, and by the gateway's client.
///
/// # Errors
/// Every call fails as [`crate::PortError`] says; a movie that is not there is no error.
///
/// ```
/// # use keeper_domain::{MovieChange, MovieId};
/// # use keeper_ports::{PortResult, inventory::MovieCatalog};
/// async fn is_there_to_change(
///     catalog: &dyn MovieCatalog,
///     id: MovieId,
///     change: MovieChange,
/// ) -> PortResult<bool> {
///     Ok(catalog.change(id, change).await?.is_some())
/// }
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait MovieCatalog: Send + Sync + 'static {
    /// Adds a movie and answers it as it is stored.
    async fn add(&self, movie: NewMovie) -> PortResult<Movie>;

    /// Lists the movies that the query asks for, by ascending id.
    async fn list(&self, query: MovieQuery, page: Page<MovieId>) -> PortResult<Slice<Movie>>;

    /// Finds a movie.
    async fn get(&self, id: MovieId) -> PortResult<Option<Movie>>;

    /// Finds those of these movies that are there, each once, in any order. At most [`MAX_IDS`] may be asked for. One
    /// trip answers them all.
    async fn get_many(&self, ids: Vec<MovieId>) -> PortResult<Vec<Movie>>;

    /// Changes a movie and answers it as it is now; `None` when it is not there.
    async fn change(&self, id: MovieId, change: MovieChange) -> PortResult<Option<Movie>>;

    /// Changes a movie if it is in one of these versions, and only then: of two callers that change the same version, one
    /// is told [`Edit::Outdated`].
    async fn change_if(
        &self,
        id: MovieId,
        versions: Vec<MovieVersion>,
        change: MovieChange,
    ) -> PortResult<Edit<Movie>>;

    /// Removes a movie; says whether it was there.
    async fn remove(&self, id: MovieId) -> PortResult<bool>;

    /// Removes a movie if it is in one of these versions, and only then.
    async fn remove_if(&self, id: MovieId, versions: Vec<MovieVersion>) -> PortResult<Edit<()>>;

    /// Removes all movies; says how many they were.
    async fn clear(&self) -> PortResult<u64>;
}

/// The store of the catalogue (driven).
///
/// # Errors
/// Every call fails as [`crate::PortError`] says, and then has changed nothing, unless it is `TimedOut`.
///
/// ```
/// # use keeper_domain::{NewMovie, Timestamp};
/// # use keeper_ports::{PortResult, inventory::MovieRepository};
/// async fn stays_removed(store: &dyn MovieRepository, movie: NewMovie, now: Timestamp) -> PortResult<()> {
///     let first = store.insert(movie.clone(), now).await?;
///     store.delete(first.id).await?;
///     let second = store.insert(movie, now).await?;
///     assert!(second.id > first.id);
///     Ok(())
/// }
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait MovieRepository: Send + Sync + 'static {
    /// Stores a movie under a new id. It MUST be durable before `Ok`. Ids ascend and MUST NOT be given twice, not
    /// even after a removal.
    async fn insert(&self, movie: NewMovie, now: Timestamp) -> PortResult<Movie>;

    /// Finds a movie. One that breaks a rule of the domain, as somebody else may have written it, MUST NOT be found, here and
    /// in any list, and the log MUST say which it is.
    async fn find(&self, id: MovieId) -> PortResult<Option<Movie>>;

    /// Finds those of these movies that are there. Each MUST come once, however often it is asked for; the order is of no
    /// meaning. Up to [`MAX_IDS`] ids MUST be taken, and be answered in one trip to the store.
    async fn find_many(&self, ids: Vec<MovieId>) -> PortResult<Vec<Movie>>;

    /// Lists movies by ascending id. A title matches when it holds the part asked for, both folded by
    /// [`keeper_domain::fold`]; no character of the part has a special meaning. The work MUST NOT grow with
    /// the number of movies before the page.
    async fn search(&self, query: MovieQuery, page: Page<MovieId>) -> PortResult<Slice<Movie>>;

    /// Changes the given fields and sets `updated_at` to `now`, in one step; `None` when the movie is not there.
    async fn update(&self, id: MovieId, change: MovieChange, now: Timestamp) -> PortResult<Option<Movie>>;

    /// Changes a movie as [`update`](Self::update) does, if it is still exactly `current`; `None` when it is not, or is not
    /// there. Of changes that come at the same time to the same state, one at most MUST be made.
    async fn update_if(
        &self,
        current: Movie,
        change: MovieChange,
        now: Timestamp,
    ) -> PortResult<Option<Movie>>;

    /// Deletes a movie; says whether it was there.
    async fn delete(&self, id: MovieId) -> PortResult<bool>;

    /// Deletes a movie if it is still exactly `current`; says whether it was.
    async fn delete_if(&self, current: Movie) -> PortResult<bool>;

    /// Deletes all movies; says how many they were.
    async fn delete_all(&self) -> PortResult<u64>;
}
