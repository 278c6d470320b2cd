use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::key_entry::Written;
use crate::{KeyEntry, KeyFileError};

/// The file that has the hashes of the keys.
#[derive(Debug, Clone)]
pub struct KeyFile(PathBuf);

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Content {
    // Not optional: a file that was emptied by mistake is damaged, and revokes nothing.
    keys: Vec<Written>,
}

const HEAD: &str =
    "# API keys: their hashes, and what they allow. Written by `keys create` and `keys revoke`.\n\n";

impl KeyFile {
    /// The file of this path; it is not touched yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Reads the text of the file.
    pub(crate) fn text(&self) -> Result<String, KeyFileError> {
        Ok(fs::read_to_string(&self.0)?)
    }

    /// Reads the keys.
    ///
    /// # Errors
    /// It is not there, cannot be read, or is damaged.
    pub fn load(&self) -> Result<Vec<KeyEntry>, KeyFileError> {
        parse(&self.text()?)
    }

    /// Reads the keys; a file that is not there has none.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    pub fn load_or_empty(&self) -> Result<Vec<KeyEntry>, KeyFileError> {
        match self.load() {
            Err(KeyFileError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            loaded => loaded,
        }
    }

    /// Adds a key. It is on the disk before `Ok`.
    ///
    /// # Errors
    /// The file cannot be read or written, or is damaged; then it is as it was.
    pub fn add(&self, entry: KeyEntry) -> Result<(), KeyFileError> {
        self.change(|keys| {
            keys.push(entry);
            Ok(())
        })
    }

    /// Removes a key, and says what it was. It is gone from the disk before `Ok`.
    ///
    /// # Errors
    /// There is no such key, or the file cannot be read or written; then it is as it was.
    pub fn remove(&self, id: &str) -> Result<KeyEntry, KeyFileError> {
        self.change(|keys| {
            let at = keys.iter().position(|key| key.id == id);
            at.map(|at| keys.remove(at)).ok_or_else(|| KeyFileError::Missing(id.to_owned()))
        })
    }

    /// Replaces the file by a changed one, in one step, while nobody else changes it.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Vec<KeyEntry>) -> Result<T, KeyFileError>,
    ) -> Result<T, KeyFileError> {
        // A link stays one, and what it leads to is replaced.
        let target = fs::canonicalize(&self.0).unwrap_or_else(|_| self.0.clone());
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let lock = File::open(folder)?;
        lock.lock()?;
        let mut keys = self.load_or_empty()?;
        let done = change(&mut keys)?;
        unique(&keys)?;
        // Made for its owner only.
        let mut new = tempfile::NamedTempFile::new_in(folder)?;
        new.write_all(written(&keys)?.as_bytes())?;
        if let Ok(old) = fs::metadata(&target) {
            new.as_file().set_permissions(old.permissions())?;
        }
        new.as_file().sync_all()?;
        new.persist(&target).map_err(|error| error.error)?;
        lock.sync_all()?;
        Ok(done)
    }
}

fn written(keys: &[KeyEntry]) -> Result<String, KeyFileError> {
    let content = Content { keys: keys.iter().map(Written::from).collect() };
    let text = toml::to_string(&content).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(format!("{HEAD}{text}"))
}

/// Reads the text of a file of keys.
pub(crate) fn parse(text: &str) -> Result<Vec<KeyEntry>, KeyFileError> {
    let content: Content = toml::from_str(text).map_err(|error: toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
        KeyFileError::Syntax { line, what: error.message().replace('\n', " ") }
    })?;
    let keys = content.keys.into_iter().map(KeyEntry::try_from).collect::<Result<Vec<_>, _>>()?;
    unique(&keys)?;
    Ok(keys)
}

fn unique(keys: &[KeyEntry]) -> Result<(), KeyFileError> {
    let mut seen = HashSet::new();
    match keys.iter().find(|key| !seen.insert(key.id.as_str())) {
        Some(twice) => Err(KeyFileError::Twice(twice.id.clone())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use keeper_domain::{Rate, RatePolicy, Scope, Scopes, Timestamp};
    use ring::rand::SystemRandom;

    use super::*;
    use crate::ApiKey;

    fn entry(name: &str) -> KeyEntry {
        let key = ApiKey::generate(&SystemRandom::new()).unwrap();
        let scopes: Scopes = [Scope::OrdersRead, Scope::OrdersWrite].into_iter().collect();
        let at = |millis| Timestamp::from_millis(millis).unwrap();
        KeyEntry::new(&key, name, scopes, at(1_000), Some(at(2_000))).unwrap()
    }

    #[test]
    fn what_is_added_is_read_back_and_what_is_removed_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("keys.toml"));
        assert!(matches!(file.load(), Err(KeyFileError::Io(_))));
        assert_eq!(file.load_or_empty().unwrap(), []);
        let rate = |burst| Rate::new(5, 60, burst).unwrap();
        let rates = [(RatePolicy::Orders, rate(5)), (RatePolicy::Reads, rate(1))];
        let (shop, other) = (entry("shop").limited(rates.into_iter().collect()), entry("shop"));
        file.add(shop.clone()).unwrap();
        file.add(other.clone()).unwrap();
        assert_eq!(file.load().unwrap(), [shop.clone(), other.clone()]);
        assert!(matches!(file.add(shop.clone()), Err(KeyFileError::Twice(_))));
        assert_eq!(file.remove(&shop.id).unwrap(), shop);
        assert!(matches!(file.remove(&shop.id), Err(KeyFileError::Missing(_))));
        assert_eq!(file.load().unwrap(), [other]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn the_file_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("keys.toml"));
        file.add(entry("shop")).unwrap();
        assert_eq!(fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn keys_added_at_the_same_time_are_all_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("keys.toml"));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| file.add(entry("shop")).unwrap());
            }
        });
        assert_eq!(file.load().unwrap().len(), 8);
    }

    #[test]
    fn a_damaged_file_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("keys.toml"));
        let orders = (RatePolicy::Orders, Rate::new(5, 60, 2).unwrap());
        file.add(entry("shop").limited([orders].into_iter().collect())).unwrap();
        let good = file.text().unwrap();
        let hash = good.lines().find(|line| line.starts_with("sha256")).unwrap();
        for damaged in [
            good[..good.len() / 2].to_owned(),
            good.replace("orders:read", "orders:reed"),
            good.replace("name", "nome"),
            good.replace("shop", " shop"),
            good.replace("shop", "\u{fff9}\u{fffc}"),
            good.replace(hash, "sha256 = \"é\""),
            good.replace("expires = \"", "expires = \"x"),
            good.replace("limits.orders", "limits.order"),
            good.replace("limits.orders", "limits.failures"),
            good.replace("burst = 2", "burst = 6"),
            good.replace("burst = 2", "burst = 0"),
            good.replace("burst = 2", ""),
            format!("{good}\n{}", good.trim_start_matches(HEAD)),
            "{}".to_owned(),
            String::new(),
        ] {
            fs::write(file.path(), &damaged).unwrap();
            let error = file.add(entry("shop")).unwrap_err().to_string();
            assert!(!error.contains(hash.trim_start_matches("sha256 = ")), "{error}");
            assert_eq!(file.text().unwrap(), damaged);
        }
    }
}
