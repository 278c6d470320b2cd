//! Who may do what: one table of calls and what they need ([`Operation`]), and the decisions that are made by it
//! ([`decide`], [`decide_for`]). Pure: it knows no request, no key and no token.
#![warn(missing_docs)]

mod decision;
mod operation;

pub use decision::{Denied, Reads, decide, decide_for};
pub use operation::{Need, Operation};
