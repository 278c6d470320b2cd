use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long a statement waits for another process that writes.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a database file was when it was opened. Cheap to clone.
///
/// A file that is deleted goes on taking writes, and they are gone when the last process closes it.
#[derive(Debug, Clone)]
pub(crate) struct OpenedFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// Device and number: no other file has them for as long as this one is open.
    identity: (u64, u64),
}

impl OpenedFile {
    /// Remembers a file that has just been opened.
    ///
    /// # Errors
    /// It cannot be looked at.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        Ok(Self(Arc::new(Inner { path: path.to_owned(), identity: identity(path)? })))
    }

    /// Says whether the file is still where it was: a look at the directory, not at the disk.
    ///
    /// # Errors
    /// It was deleted, moved or replaced, or cannot be looked at.
    pub(crate) fn check(&self) -> io::Result<()> {
        let path = self.0.path.display();
        match identity(&self.0.path) {
            Ok(identity) if identity == self.0.identity => Ok(()),
            Ok(_) => Err(io::Error::other(format!("{path} is not the file any more that was opened"))),
            Err(cause) => {
                let kind = cause.kind();
                Err(io::Error::new(kind, format!("{path} is not where it was opened: {cause}")))
            }
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|file| (file.dev(), file.ino()))
}
