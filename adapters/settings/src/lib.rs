//! What an adapter says of a setting that cannot work, and how it reads the files that settings name.
//!
//! A crate of its own, since everything that has settings needs it, and nothing that comes with `wire` or `telemetry`.
#![warn(missing_docs)]

use std::fs;

use thiserror::Error;

/// A setting whose value fits its type and cannot work all the same.
#[derive(Debug, Error)]
#[error("{key} {why}")]
pub struct WrongSetting {
    /// The setting as an operator writes it: `section.key`.
    pub key: String,
    /// What is wrong with its value: a sentence whose subject is the key.
    pub why: String,
}

impl WrongSetting {
    /// Names a setting and says what is wrong with it.
    pub fn new(key: impl Into<String>, why: impl Into<String>) -> Self {
        Self { key: key.into(), why: why.into() }
    }
}

/// Reads a file that a setting names.
///
/// # Errors
/// It cannot be read, or is not UTF-8.
pub fn read_file(key: &str, path: &str) -> Result<String, WrongSetting> {
    let unread = |cause| format!("names the file {path}, which cannot be read: {cause}");
    fs::read_to_string(path).map_err(|cause| WrongSetting::new(key, unread(cause)))
}

/// Reads a secret from a file that a setting names. Line ends after it do not count; spaces do.
///
/// # Errors
/// It cannot be read, or is not UTF-8.
pub fn read_secret(key: &str, path: &str) -> Result<String, WrongSetting> {
    let text = read_file(key, path)?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_after_a_secret_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        fs::write(&file, "s3cret \r\n").unwrap();
        assert_eq!(read_secret("broker.password_file", file.to_str().unwrap()).unwrap(), "s3cret ");
    }

    #[test]
    fn a_file_that_is_not_there_is_named_with_its_key() {
        let error = read_secret("broker.password_file", "/nonexistent/secret").unwrap_err();
        assert!(error.to_string().starts_with("broker.password_file names the file /nonexistent/secret"));
    }
}
