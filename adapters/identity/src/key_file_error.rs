use std::io;

use thiserror::Error;

/// Why the file of keys cannot be used. No message repeats the file's content.
#[derive(Debug, Error)]
pub enum KeyFileError {
    /// It cannot be read or written.
    #[error("cannot be used: {0}")]
    Io(#[from] io::Error),
    /// It is not the file that is expected.
    #[error("is not a file of keys, in line {line}: {what}")]
    Syntax {
        /// The first line that is not understood.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// An entry is wrong.
    #[error("has a key {id:?} that cannot be used: {field} {why}")]
    Entry {
        /// The key.
        id: String,
        /// Its field.
        field: &'static str,
        /// A sentence whose subject is the field.
        why: String,
    },
    /// Two entries have one id.
    #[error("has two keys with the id {0:?}")]
    Twice(String),
    /// No entry has the id.
    #[error("has no key {0:?}")]
    Missing(String),
}
