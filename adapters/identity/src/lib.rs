//! Who is behind credentials: API keys, of which a file has the hashes, and tokens that an issuer signed. And how
//! often each caller may go on.
#![warn(missing_docs)]

mod api_key;
mod identity;
mod key_entry;
mod key_file;
mod key_file_error;
mod key_ring;
mod limit_settings;
mod limits;
#[cfg(test)]
mod mutation;
mod settings;
mod token;

pub use api_key::ApiKey;
pub use identity::Identity;
pub use key_entry::KeyEntry;
pub use key_file::KeyFile;
pub use key_file_error::KeyFileError;
pub use key_ring::KeyRing;
pub use limit_settings::{LimitSettings, PolicySettings};
pub use limits::Limits;
pub use settings::{AuthMode, AuthSettings};
pub use token::{AudienceIn, Issuer, JwtSettings, Tokens};
