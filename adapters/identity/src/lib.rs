//! Who is behind credentials: API keys, of which a file has the hashes.
#![warn(missing_docs)]

mod api_key;
mod key_entry;
mod key_file;
mod key_ring;
mod settings;

pub use api_key::ApiKey;
pub use key_entry::KeyEntry;
pub use key_file::{KeyFile, KeyFileError};
pub use key_ring::KeyRing;
pub use settings::{AuthMode, AuthSettings};
