//! What a request is followed by: its context, which travels from process to process, and the instruments that more than
//! one adapter counts with.
#![warn(missing_docs)]

pub mod context;
#[cfg(feature = "metrics")]
pub mod metrics;
pub mod traceparent;
pub mod tracestate;
