//! Bounds what a sick upstream costs those who call it: [`GuardedCatalog`], [`GuardedBook`], [`GuardedQueue`] and
//! [`GuardedOperations`] decorate a port with an [`Upstream`], or with a part of one.
//!
//! * **A breaker**: while an upstream does not answer, calls fail at once. From time to time one goes through, to see whether it
//!   answers again.
//! * **A bulkhead**: so many calls may be under way at once. One upstream that hangs leaves room for calls of the others.
//!
//! Our own: `failsafe`, `recloser` and `tower-resilience` learn from calls that have ended, and a call that hangs has not. `failsafe`
//! lets all calls through when it tries again, and the last one is for tower's services.
#![warn(missing_docs)]

mod breaker;
mod bulkhead;
mod guard;
mod guarded_book;
mod guarded_catalog;
mod guarded_operations;
mod guarded_queue;
mod metrics;
mod upstream;

pub use breaker::Breaker;
pub use bulkhead::Bulkhead;
pub use guard::Guard;
pub use guarded_book::GuardedBook;
pub use guarded_catalog::GuardedCatalog;
pub use guarded_operations::GuardedOperations;
pub use guarded_queue::GuardedQueue;
pub use metrics::BreakerMetrics;
pub use upstream::Upstream;
