//! Calls that come together share a trip to the other side: [`BatchedCatalog`] and [`BatchedMovies`] decorate a port of the
//! catalogue, and an adapter may combine what only it can with a [`Coalescer`]. Each is here because a benchmark proved
//! it. Calls that wait for an order are told together ([`OrderWaits`]): each asking by itself would be a load without a
//! bound.
#![warn(missing_docs)]

mod catalog;
mod coalescer;
mod movie_reads;
mod movies;
mod order_waits;

pub use catalog::BatchedCatalog;
pub use coalescer::{Answers, Coalescer};
pub use movies::BatchedMovies;
pub use order_waits::OrderWaits;
