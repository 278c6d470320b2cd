//! Calls that come together share a trip to the other side, where a benchmark proves that it pays.
#![warn(missing_docs)]

mod coalescer;

pub use coalescer::{Answers, Coalescer, MAX_CALLS};
