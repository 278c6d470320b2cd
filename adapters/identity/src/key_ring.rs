use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use keeper_domain::Means;
use keeper_ports::access::{Credentials, Presented, Recognition};
use keeper_ports::{Clock, PortResult};
use tokio_util::sync::CancellationToken;

use crate::key_entry::compare_with_nothing;
use crate::key_file::parse;
use crate::{ApiKey, KeyEntry, KeyFile, KeyFileError};

/// How often the file is looked at: a revoked key is refused so soon.
const PERIOD: Duration = Duration::from_secs(1);

type Keys = HashMap<String, KeyEntry>;

/// The keys that are good now.
pub struct KeyRing {
    file: KeyFile,
    clock: Arc<dyn Clock>,
    keys: RwLock<Arc<Keys>>,
}

/// What the file was like when it was looked at last.
enum Seen {
    Nothing,
    Text(String),
    Trouble(String),
}

impl KeyRing {
    /// Reads the keys.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn open(file: KeyFile, clock: Arc<dyn Clock>) -> Result<Self, KeyFileError> {
        let keys = RwLock::new(Arc::new(by_id(file.load()?)));
        Ok(Self { file, clock, keys })
    }

    /// Reads the file again whenever it has changed, until `stop` is cancelled. While it cannot be used, the keys stay as they
    /// were last good.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) {
        let mut seen = Seen::Nothing;
        loop {
            let ring = Arc::clone(&self);
            let looked = tokio::task::spawn_blocking(move || ring.look(seen)).await;
            seen = looked.unwrap_or(Seen::Nothing);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PERIOD) => {}
            }
        }
    }

    /// Reads the file. A mount may be replaced without a newer time of change, so its text decides whether it is another one.
    fn look(&self, seen: Seen) -> Seen {
        let text = match self.file.text() {
            Ok(text) => text,
            Err(error) => return self.trouble(&seen, &error),
        };
        match (&seen, parse(&text)) {
            (Seen::Text(before), _) if *before == text => return seen,
            (_, Err(error)) => return self.trouble(&seen, &error),
            (_, Ok(entries)) => self.take(by_id(entries)),
        }
        Seen::Text(text)
    }

    fn take(&self, keys: Keys) {
        let mut current = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if **current != keys {
            tracing::info!(file = %self.file.path().display(), keys = keys.len(), "read the API keys again");
            *current = Arc::new(keys);
        }
    }

    /// Says once what is wrong.
    fn trouble(&self, seen: &Seen, error: &KeyFileError) -> Seen {
        let cause = error.to_string();
        if !matches!(seen, Seen::Trouble(known) if *known == cause) {
            let file = self.file.path().display();
            tracing::warn!(%file, cause, "the file of API keys cannot be used; the keys stay as they were");
        }
        Seen::Trouble(cause)
    }
}

fn by_id(entries: Vec<KeyEntry>) -> Keys {
    entries.into_iter().map(|entry| (entry.id.clone(), entry)).collect()
}

#[async_trait]
impl Credentials for KeyRing {
    async fn recognise(&self, presented: Presented) -> PortResult<Recognition> {
        if presented.means != Means::ApiKey {
            return Ok(Recognition::Refused("tokens are not used here"));
        }
        let Some(key) = ApiKey::parse(presented.expose()) else {
            return Ok(Recognition::Refused("not a key"));
        };
        let keys = Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner));
        let Some(entry) = keys.get(&key.id) else {
            compare_with_nothing(&key);
            return Ok(Recognition::Refused("unknown or revoked"));
        };
        Ok(match (entry.is_of(&key), entry.is_expired(self.clock.now())) {
            (false, _) => Recognition::Refused("wrong secret"),
            (true, true) => Recognition::Refused("expired"),
            (true, false) => Recognition::Known(entry.principal()),
        })
    }
}

#[cfg(test)]
#[path = "key_ring_tests.rs"]
mod tests;
