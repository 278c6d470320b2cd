//! What can be asked, and of whom: the traits between the use cases and the world, without a line of implementation.
//!
//! *Driving* ports are what the world asks of a use case; *driven* ports are what a use case asks of the world.
//! Obligations that the types cannot express are stated with MUST; the contract suites in `tests` hold every
//! implementation to them.
#![warn(missing_docs)]

pub mod billing;
mod clock;
mod error;
pub mod inventory;
mod probe;

pub use clock::Clock;
#[cfg(feature = "mock")]
pub use clock::MockClock;
pub use error::{PortError, PortResult, chain};
#[cfg(feature = "mock")]
pub use probe::MockProbe;
pub use probe::Probe;
