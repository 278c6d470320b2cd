use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tempfile::{Builder, TempDir};
use thiserror::Error;

use crate::Directory;
use crate::contents::Contents;
use crate::directory::{BILLING, File, INVENTORY};
use crate::opened_file::BUSY_TIMEOUT;

/// Why there is no backup. Nothing of it is left.
#[derive(Debug, Error)]
pub enum BackupError {
    /// Something is there already.
    #[error("{path} is there already; a backup overwrites nothing, choose a path that does not exist")]
    Exists {
        /// Where the backup was to be.
        path: PathBuf,
    },
    /// A file has nothing to back up.
    #[error("storage.directory: {path} is missing or has no tables; there is nothing to back up")]
    NoData {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be read, or its copy cannot be written.
    #[error("cannot copy {from} to {to}")]
    Copy {
        /// The file.
        from: PathBuf,
        /// Its copy.
        to: PathBuf,
        /// Why not.
        #[source]
        cause: sqlx::Error,
    },
    /// The folder cannot be made, or is not safely on the disk.
    #[error("cannot write {path}")]
    Write {
        /// Where the backup was to be.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
}

impl Directory {
    /// Copies both databases into a new folder, which can be served from as it is. A process may serve from this directory
    /// meanwhile: each copy is one moment of its file, not earlier than the call. The copies are on the disk before `Ok`.
    ///
    /// # Errors
    /// The path is there already (an empty folder is taken), its parent is not, there is no data, or a file cannot be read
    /// or written.
    pub async fn back_up(&self, to: &Path) -> Result<(), BackupError> {
        if !is_free(to) {
            return Err(BackupError::Exists { path: to.to_owned() });
        }
        let failed = |cause| BackupError::Write { path: to.to_owned(), cause };
        let partial = Partial::make(to).map_err(failed)?;
        for file in [BILLING, INVENTORY] {
            copy(&file, &self.file(&file), &partial.path().join(file.name)).await?;
        }
        partial.finish(to).map_err(failed)
    }
}

/// Nothing is there, or an empty folder.
fn is_free(path: &Path) -> bool {
    match fs::read_dir(path) {
        Ok(mut files) => files.next().is_none(),
        Err(_) => path.symlink_metadata().is_err(),
    }
}

/// One moment of a database file, with what is in its write-ahead log. Its writers are not held up.
async fn copy(file: &File, from: &Path, to: &Path) -> Result<(), BackupError> {
    let failed = |cause| BackupError::Copy { from: from.to_owned(), to: to.to_owned(), cause };
    match Contents::of(from, file).await.map_err(failed)? {
        // What is there is kept, also where something is missing.
        Contents::Tables | Contents::Rows | Contents::Lacks(_) | Contents::Other(_) => {}
        Contents::Nothing | Contents::Torn => return Err(BackupError::NoData { path: from.to_owned() }),
    }
    let name = to.to_str().ok_or_else(|| failed(io::Error::other("the path is not UTF-8").into()))?;
    let options = SqliteConnectOptions::new().filename(from).busy_timeout(BUSY_TIMEOUT);
    let mut connection = options.connect().await.map_err(failed)?;
    let copied = sqlx::query("VACUUM INTO ?1").bind(name).execute(&mut connection).await;
    connection.close().await.and(copied.map(drop)).map_err(failed)?;
    // SQLite leaves this to the caller.
    fs::File::open(to).and_then(|file| file.sync_all()).map_err(|cause| failed(cause.into()))
}

/// A backup that is not finished: beside the folder it will be, under a name that nothing has. It goes with this value.
struct Partial {
    folder: TempDir,
    parent: PathBuf,
}

impl Partial {
    /// Makes the folder. Its parent must be there: a disk that is not mounted is not written beside.
    fn make(to: &Path) -> io::Result<Self> {
        // An absolute path is not taken for a URI.
        let to = std::path::absolute(to)?;
        let parent = to.parent().unwrap_or(&to).to_owned();
        let mut prefix = OsString::from(".");
        prefix.push(to.file_name().unwrap_or_default());
        prefix.push(".");
        // Orders are nobody else's to read. By chance: one that was killed leaves its own, and a container's numbers begin anew.
        let readable = Permissions::from_mode(0o700);
        let folder =
            Builder::new().prefix(&prefix).suffix(".partial").permissions(readable).tempdir_in(&parent)?;
        Ok(Self { folder, parent })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Gives the folder its name, in one step and not over anything that has come there meanwhile.
    fn finish(mut self, to: &Path) -> io::Result<()> {
        fs::File::open(self.path())?.sync_all()?;
        fs::rename(self.path(), to)?;
        self.folder.disable_cleanup(true);
        fs::File::open(&self.parent)?.sync_all()
    }
}
