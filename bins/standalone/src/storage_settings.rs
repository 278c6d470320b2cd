use std::path::PathBuf;

use keeper_bootstrap::WrongSetting;
use serde::Deserialize;

/// Where the data is: the section `storage` of the settings.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StorageSettings {
    /// The directory of the SQLite files.
    pub(crate) directory: PathBuf,
    /// Make a file that is missing, though the other one has data.
    pub(crate) create_missing: bool,
}

impl StorageSettings {
    /// Says whether the directory can be what it is said to be.
    ///
    /// # Errors
    /// It cannot.
    pub(crate) fn check(&self) -> Result<(), WrongSetting> {
        let directory = &self.directory;
        let wrong = |why| Err(WrongSetting::new("storage.directory", why));
        if directory.as_os_str().is_empty() {
            return wrong("must not be empty".to_owned());
        }
        // As much of the path as is there must be a directory: the rest is made.
        match directory.ancestors().find(|part| part.exists()) {
            Some(there) if !there.is_dir() => {
                wrong(format!("names {}, but {} is not a directory", directory.display(), there.display()))
            }
            _ => Ok(()),
        }
    }
}
