use std::fs::{self, DirBuilder, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use keeper_ports::PortError;
use sqlx::migrate::Migrator;
use thiserror::Error;

use crate::SqliteDatabase;
use crate::movies::fold_anew;
use crate::table::Table;

/// One of the two files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct File {
    /// Its name in the directory.
    pub(crate) name: &'static str,
    /// What it is to an operator.
    dependency: &'static str,
    /// Its tables, and the migration that makes each.
    pub(crate) tables: &'static [Table],
}

/// The file of the catalogue.
pub(crate) const INVENTORY: File = File {
    name: "inventory.db",
    dependency: "inventory database",
    tables: &[
        Table {
            name: "movies",
            made_by: 1,
            key: Some("id"),
            columns: &["title", "title_folded", "description", "created_at", "updated_at", "folding"],
        },
        Table { name: "movie_titles", made_by: 2, key: None, columns: &["title_folded"] },
    ],
};

/// The file of the orders, their queue and the dead letters.
pub(crate) const BILLING: File = File {
    name: "billing.db",
    dependency: "billing database",
    tables: &[
        Table {
            name: "orders",
            made_by: 1,
            key: Some("seq"),
            columns: &["order_id", "user_id", "number_of_items", "total_minor", "created_at", "recorded_at"],
        },
        Table {
            name: "order_queue",
            made_by: 2,
            key: Some("position"),
            columns: &["message_id", "request_id", "traceparent", "body", "first_seen", "tracestate"],
        },
        Table {
            name: "dead_letters",
            made_by: 3,
            key: Some("seq"),
            columns: &[
                "id",
                "reason",
                "detail",
                "first_seen",
                "message_id",
                "request_id",
                "traceparent",
                "body",
                "tracestate",
            ],
        },
        Table {
            name: "conflicts",
            made_by: 5,
            key: Some("order_id"),
            columns: &["user_id", "number_of_items", "total_minor", "created_at", "first_seen", "times"],
        },
    ],
};

/// The directory that holds the two files, `inventory.db` and `billing.db`.
#[derive(Debug, Clone)]
pub struct Directory(PathBuf);

/// The right to serve from a directory, held by one process at a time, for as long as this value lives. The system
/// takes it back from a process that dies.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: fs::File,
}

/// Why a directory cannot be used.
#[derive(Debug, Error)]
pub enum DirectoryError {
    /// It is not there and cannot be made.
    #[error("storage.directory: cannot create {path}")]
    Create {
        /// The directory.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// Nobody has served from it yet.
    #[error("storage.directory: there is no data in {path}")]
    Empty {
        /// The directory.
        path: PathBuf,
    },
    /// It cannot be written.
    #[error("storage.directory: cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// Another process serves from it.
    #[error(
        "storage.directory: {path} is in use by another process; stop that one or choose another directory"
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// A file has lost its tables.
    #[error(
        "storage.directory: {path} has no tables: it was copied without the file ending in -wal, or never finished; \
         restore it from a backup, or delete it to begin with an empty one"
    )]
    Torn {
        /// The file.
        path: PathBuf,
    },
    /// One file is not there, and the other one has data.
    #[error(
        "storage.directory: {path} is missing or empty, but {present} beside it has data; restore it from the same \
         backup, or set storage.create_missing = true for one start, to begin with an empty one"
    )]
    Half {
        /// The file that is missing.
        path: PathBuf,
        /// The name of the other one.
        present: &'static str,
    },
    /// A file is the other one.
    #[error(
        "storage.directory: {path} holds the tables of {other}: the two files were swapped, or one was copied over the other; \
         put each under its own name"
    )]
    Swapped {
        /// The file.
        path: PathBuf,
        /// The name of the file that it should be.
        other: &'static str,
    },
    /// A table was dropped.
    #[error("storage.directory: {path} has lost its table {table}: restore it from a backup")]
    Lacks {
        /// The file.
        path: PathBuf,
        /// The table.
        table: &'static str,
    },
    /// A database in it cannot be opened or brought up to date.
    #[error("storage.directory: cannot open {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: sqlx::Error,
    },
    /// The titles of an earlier version cannot be folded anew.
    #[error("storage.directory: cannot bring the titles of {path} up to date")]
    Fold {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: PortError,
    },
}

impl Directory {
    /// Takes the directory; makes it when it is not there.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(path: impl Into<PathBuf>) -> Result<Self, DirectoryError> {
        let path = path.into();
        // Orders are nobody else's to read.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        made.map_err(|cause| DirectoryError::Create { path: path.clone(), cause })?;
        Ok(Self(path))
    }

    /// Takes a directory that was served from before; makes nothing.
    ///
    /// # Errors
    /// There are no orders in it.
    pub fn existing(path: impl Into<PathBuf>) -> Result<Self, DirectoryError> {
        let path = path.into();
        if path.join(BILLING.name).is_file() { Ok(Self(path)) } else { Err(DirectoryError::Empty { path }) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Takes the right to serve from the directory. Commands that only look after the dead letters do without it.
    ///
    /// # Errors
    /// Another process has it, or the directory cannot be written.
    pub fn lock(&self) -> Result<DirectoryLock, DirectoryError> {
        let path = self.0.join("lock");
        let failed = |cause| DirectoryError::Write { path: path.clone(), cause };
        let mut file =
            fs::File::options().write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => DirectoryError::InUse { path: self.0.clone() },
            TryLockError::Error(cause) => failed(cause),
        })?;
        // For the operator who wonders who it is.
        let named = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        named.map_err(failed)?;
        Ok(DirectoryLock { _file: file })
    }

    /// Opens the catalogue's database and brings its schema up to date.
    ///
    /// # Errors
    /// The file cannot be used.
    pub async fn inventory(&self) -> Result<SqliteDatabase, DirectoryError> {
        let database = self.open(&INVENTORY, sqlx::migrate!("migrations/inventory")).await?;
        let path = self.0.join(INVENTORY.name);
        fold_anew(&database).await.map_err(|cause| DirectoryError::Fold { path, cause })?;
        Ok(database)
    }

    /// Opens the database of the orders and brings its schema up to date.
    ///
    /// # Errors
    /// The file cannot be used.
    pub async fn billing(&self) -> Result<SqliteDatabase, DirectoryError> {
        self.open(&BILLING, sqlx::migrate!("migrations/billing")).await
    }

    /// Where one of the files is.
    pub(crate) fn file(&self, file: &File) -> PathBuf {
        self.0.join(file.name)
    }

    async fn open(&self, file: &File, migrator: Migrator) -> Result<SqliteDatabase, DirectoryError> {
        let path = self.file(file);
        SqliteDatabase::open(&path, file.dependency, file.tables, migrator)
            .await
            .map_err(|cause| DirectoryError::Open { path, cause })
    }
}
