use crate::contents::Contents;
use crate::directory::{BILLING, File, INVENTORY};
use crate::{Directory, DirectoryError, DirectoryLock, SqliteDatabase};

/// Both databases of a directory, open, with the right to serve from it.
#[derive(Debug)]
pub struct Storage {
    inventory: SqliteDatabase,
    billing: SqliteDatabase,
    _lock: DirectoryLock,
}

impl Storage {
    /// Takes the right to serve from a directory, opens its two files, and brings their schemas up to date.
    ///
    /// With `create_missing`, a file that is not there is made although the other one has data; without, only both
    /// together are: one alone is a copy of which a part is missing, and nobody would notice.
    ///
    /// # Errors
    /// Another process has the directory, a file cannot be used, or one of them is missing.
    pub async fn open(directory: &Directory, create_missing: bool) -> Result<Self, DirectoryError> {
        let lock = directory.lock()?;
        check(directory, create_missing).await?;
        let inventory = directory.inventory().await?;
        let billing = match directory.billing().await {
            Ok(billing) => billing,
            Err(error) => {
                inventory.close_or_tell().await;
                return Err(error);
            }
        };
        Ok(Self { inventory, billing, _lock: lock })
    }

    /// The catalogue's database.
    pub fn inventory(&self) -> &SqliteDatabase {
        &self.inventory
    }

    /// The database of the orders.
    pub fn billing(&self) -> &SqliteDatabase {
        &self.billing
    }

    /// What counts the connections to both databases: those that are open, and those that are idle.
    pub fn connections(&self) -> impl Fn() -> (usize, usize) + Send + Sync + 'static {
        let (inventory, billing) = (self.inventory.clone(), self.billing.clone());
        move || {
            let (movies, orders) = (inventory.connections(), billing.connections());
            (movies.0 + orders.0, movies.1 + orders.1)
        }
    }

    /// Closes both files, so that each is whole by itself, and then gives the directory up. What does not succeed is
    /// logged: nothing is lost, but the newest data is in a file beside.
    pub async fn close(self) {
        tokio::join!(self.inventory.close_or_tell(), self.billing.close_or_tell());
    }
}

/// Refuses a directory that has only a part of its data. With `create_missing`, a file may be missing as a whole.
pub(crate) async fn check(directory: &Directory, create_missing: bool) -> Result<(), DirectoryError> {
    let look = async |file: &File| {
        let path = directory.file(file);
        match Contents::of(&path, file).await {
            Ok(Contents::Torn) if !create_missing => Err(DirectoryError::Torn { path }),
            Ok(Contents::Lacks(table)) => Err(DirectoryError::Lacks { path, table }),
            Ok(Contents::Other(other)) => Err(DirectoryError::Swapped { path, other }),
            Ok(contents) => Ok(contents),
            Err(cause) => Err(DirectoryError::Open { path, cause }),
        }
    };
    let (missing, present) = match (look(&INVENTORY).await?, look(&BILLING).await?) {
        _ if create_missing => return Ok(()),
        (Contents::Nothing, Contents::Rows) => (INVENTORY, BILLING),
        (Contents::Rows, Contents::Nothing) => (BILLING, INVENTORY),
        _ => return Ok(()),
    };
    Err(DirectoryError::Half { path: directory.file(&missing), present: present.name })
}
