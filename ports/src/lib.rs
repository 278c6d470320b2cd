//! What can be asked, and of whom: the traits between the use cases and the world, the errors of their calls,
//! and the pauses after those that may succeed later. No implementation.
//!
//! *Driving* ports are what the world asks of a use case; *driven* ports are what a use case asks of the world.
//! Obligations that the types cannot express are stated with MUST; the contract suites in `tests` hold every
//! implementation to them.
#![warn(missing_docs)]

pub mod access;
mod backoff;
pub mod billing;
mod clock;
mod error;
pub mod inventory;
mod probe;

pub use backoff::Backoff;
pub use clock::Clock;
#[cfg(feature = "mock")]
pub use clock::MockClock;
pub use error::{PortError, PortResult, chain};
#[cfg(feature = "mock")]
pub use probe::MockProbe;
pub use probe::Probe;
