use std::path::{Path, PathBuf};

use super::janitor;
use super::system::random_text;

/// A temporary folder that is removed when it is dropped, and when the process ends, however it ends.
#[derive(Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// Makes an empty folder. Its path is short: a Unix socket's path may have about 100 characters.
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("keeper-{}", random_text(10)));
        janitor::tell(&format!("directory {}", path.display()));
        std::fs::create_dir(&path).expect("the temporary folder can be written");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The path of an entry.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file and answers its path.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.join(name);
        std::fs::write(&path, content).expect("the temporary folder can be written");
        path
    }
}

impl Default for Directory {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if std::fs::remove_dir_all(&self.0).is_ok() {
            janitor::tell(&format!("removed {}", self.0.display()));
        }
    }
}
