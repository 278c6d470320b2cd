//! The driven ports on SQLite: movies, orders and their queue in two files of one directory, with nothing to install.
#![warn(missing_docs)]

mod backup;
mod consumer;
mod contents;
mod database;
mod dead_letters;
mod directory;
mod directory_probe;
mod error;
mod movies;
mod opened_file;
mod orders;
mod probe;
mod queue;
mod storage;
mod table;
mod writer;

pub use backup::BackupError;
pub use consumer::SqliteConsumer;
pub use database::SqliteDatabase;
pub use dead_letters::SqliteDeadLetters;
pub use directory::{Directory, DirectoryError, DirectoryLock};
pub use directory_probe::DirectoryProbe;
pub use movies::SqliteMovies;
pub use orders::SqliteOrders;
pub use probe::SqliteProbe;
pub use queue::SqliteQueue;
pub use storage::Storage;
