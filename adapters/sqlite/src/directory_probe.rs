use std::path::{Path, PathBuf};

use async_trait::async_trait;
use keeper_ports::{PortError, PortResult, Probe};

use crate::Directory;
use crate::storage::check;

const DEPENDENCY: &str = "data directory";

/// Says whether a directory can be served from: it can be written, and what is in it is whole. It changes nothing, and a
/// process may serve from the directory at the same time.
#[derive(Debug)]
pub struct DirectoryProbe {
    path: PathBuf,
}

impl DirectoryProbe {
    /// Makes the probe. A directory that is not there is made at the start: then what it will be in is looked at.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

#[async_trait]
impl Probe for DirectoryProbe {
    fn name(&self) -> &'static str {
        DEPENDENCY
    }

    async fn check(&self) -> PortResult<()> {
        // A relative path is below the working directory.
        let there = self.path.ancestors().find(|part| part.is_dir()).unwrap_or(Path::new("."));
        // It has no name, and is gone when it is closed.
        tempfile::tempfile_in(there).map_err(|error| {
            PortError::unavailable(DEPENDENCY, format!("cannot write to {}: {error}", there.display()))
        })?;
        match Directory::existing(&self.path) {
            Ok(directory) => {
                check(&directory, false).await.map_err(|error| PortError::failed(DEPENDENCY, error))
            }
            // Nothing is in it yet.
            Err(_) => Ok(()),
        }
    }
}
