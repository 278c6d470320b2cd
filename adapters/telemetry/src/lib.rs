//! What a request is followed by: its context, which travels from process to process, the spans of its trace, and the
//! instruments that more than one adapter counts with.
//!
//! In `traced`, decorators of ports make each call of an adapter a span.
#![warn(missing_docs)]

pub mod caller;
pub mod context;
#[cfg(feature = "metrics")]
pub mod metrics;
pub mod span;
#[cfg(feature = "traced")]
pub mod traced;
pub mod traceparent;
pub mod tracestate;
