//! The part of main that gateway and standalone have in common, as they are reached from outside: who may use them.
#![warn(missing_docs)]

mod edge;
pub mod keys;

pub use edge::{Edge, EdgeHttpSettings, EdgeSettings};
