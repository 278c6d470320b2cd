//! Tokens (JWT) of an issuer that speaks `OpenID` Connect.

mod cache;
mod claims;
mod fetch;
#[cfg(test)]
mod fuzz;
mod issuer;
mod key_set;
mod settings;
mod signature;
#[cfg(test)]
mod tests;
mod tokens;

pub use issuer::Issuer;
pub use settings::{AudienceIn, JwtSettings};
pub use tokens::Tokens;
