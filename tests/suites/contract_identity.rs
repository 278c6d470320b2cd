//! API keys and tokens under the contract suite of credentials, and the limits under that of the limiter.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "contract_identity/keys.rs"]
mod keys;
#[path = "contract_identity/limits.rs"]
mod limits;
#[path = "contract_identity/tokens.rs"]
mod tokens;
