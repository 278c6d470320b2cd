//! The crate graph and the house rules that a file shows by itself.
