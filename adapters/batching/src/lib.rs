//! Calls that come together share a trip to the other side: [`BatchedCatalog`] and [`BatchedMovies`] decorate a port of the
//! catalogue, and an adapter may combine what only it can with a [`Coalescer`]. Each is here because a benchmark proved
//! it.
#![warn(missing_docs)]

mod catalog;
mod coalescer;
mod movie_reads;
mod movies;

pub use catalog::BatchedCatalog;
pub use coalescer::{Answers, Coalescer};
pub use movies::BatchedMovies;
