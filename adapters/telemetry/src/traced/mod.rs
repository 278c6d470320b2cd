//! Ports whose calls are spans of the trace of the request that they are made for, and the spans of messages that are
//! processed. Names and attributes are those of OpenTelemetry's semantic conventions (HTTP and databases; messaging as of
//! v1.44).

mod call;
mod database;
mod dead_letters;
mod ledger;
mod movies;
mod processing;
mod queue;

pub use call::kind_of;
pub use database::TracedDatabase;
pub use dead_letters::TracedDeadLetters;
pub use ledger::TracedLedger;
pub use movies::TracedMovies;
pub use processing::{MessageTrace, ProcessingSpans};
pub use queue::{Messaging, TracedQueue};
