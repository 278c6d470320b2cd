//! What the test suites share: the harness that starts real servers and the real binaries, and the scenarios that
//! both stacks are held to.

#![allow(clippy::return_self_not_must_use, reason = "an expectation that is met has done its work")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test helper that fails must fail the test at once, with the place and the cause"
)]

pub mod contract;
pub mod faults;
pub mod harness;
pub mod scenarios;
