use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::JwtSettings;
use super::fetch::fetch;
use super::key_set::{KeySet, PublicKey};

/// The least time between two fetches for the sake of a key that is not known: tokens with made-up ids cost no more, and delay
/// a key that is new by no more.
const PAUSE: Duration = Duration::from_secs(30);
/// How long a token waits for such a fetch. Requests wait with it, and there is room for so many only.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many tokens wait at the same time, of the 512 requests that a unit takes.
const WAITERS: usize = 128;
/// How often the keys are fetched anyway: a key that was withdrawn is believed for no longer.
const PERIOD: Duration = Duration::from_mins(5);
/// How often they are, before there are any.
const FIRST_PERIOD: Duration = Duration::from_secs(5);

/// Whoever signs the tokens, and its keys as they were last good.
pub struct Issuer {
    name: String,
    jwks_url: String,
    keys: RwLock<Option<Arc<KeySet>>>,
    /// How often they have become others.
    generation: AtomicU64,
    /// The last fetch because of a token.
    asked: Mutex<Option<Asked>>,
    waiters: Semaphore,
    trouble: RwLock<Option<String>>,
}

/// A fetch: when it began, and whether it has ended.
struct Asked {
    at: Instant,
    ended: watch::Receiver<bool>,
}

/// What is known of a key.
pub(super) enum Found {
    Key(PublicKey),
    /// The issuer has no such key, as far as can be known now.
    Unknown,
    /// The issuer was never reached, or does not answer now.
    NotKnowable(String),
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Issuer {
    /// Nothing is fetched yet.
    pub fn new(settings: &JwtSettings) -> Self {
        Self {
            name: settings.issuer.clone(),
            jwks_url: settings.jwks_url.clone(),
            keys: RwLock::new(None),
            generation: AtomicU64::new(0),
            asked: Mutex::new(None),
            waiters: Semaphore::new(WAITERS),
            trouble: RwLock::new(None),
        }
    }

    /// A number that is another one as soon as the keys are others.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The keys as they were last good, or none.
    fn keys(&self) -> Option<Arc<KeySet>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Finds the key of a token. One that is not known is asked for once, and not again for a while.
    pub(super) async fn key(self: &Arc<Self>, id: Option<&str>) -> Found {
        if let Some(key) = self.known(id) {
            return Found::Key(key);
        }
        let answered = self.answered().await;
        match (self.known(id), self.keys()) {
            (Some(key), _) => Found::Key(key),
            (None, _) if !answered => Found::NotKnowable("it has not answered yet".into()),
            (None, Some(_)) => Found::Unknown,
            (None, None) => Found::NotKnowable(self.trouble().unwrap_or_default()),
        }
    }

    /// Waits for a fetch, not for long; says whether it has ended.
    async fn answered(self: &Arc<Self>) -> bool {
        let mut ended = self.asked();
        if *ended.borrow() {
            return true;
        }
        let Ok(_permit) = self.waiters.try_acquire() else { return false };
        timeout(PATIENCE, ended.wait_for(|ended| *ended)).await.is_ok()
    }

    /// The fetch that goes on; a new one, if there is none and the last one is long ago. It ends also when nobody waits for it
    /// any more.
    fn asked(self: &Arc<Self>) -> watch::Receiver<bool> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Asked { at, ended }) = &*asked
            && (at.elapsed() < PAUSE || (!*ended.borrow() && ended.has_changed().is_ok()))
        {
            return ended.clone();
        }
        let (end, ended) = watch::channel(false);
        *asked = Some(Asked { at: Instant::now(), ended: ended.clone() });
        let issuer = Arc::clone(self);
        tokio::spawn(async move {
            issuer.refresh().await;
            end.send_replace(true);
        });
        ended
    }

    /// Fetches the keys now and then, until `stop` is cancelled.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let refreshed = async {
                self.refresh().await;
                let period = if self.keys().is_some() { PERIOD } else { FIRST_PERIOD };
                tokio::time::sleep(period).await;
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = refreshed => {}
            }
        }
    }

    fn known(&self, id: Option<&str>) -> Option<PublicKey> {
        self.keys()?.find(id).cloned()
    }

    /// Fetches the keys. Those that are there stay when it fails.
    pub(super) async fn refresh(&self) {
        let fetched = match self.fetched().await {
            Ok(text) => KeySet::parse(&text),
            Err(why) => Err(why),
        };
        match fetched {
            Ok(keys) => self.take(keys),
            Err(why) => self.complain(why),
        }
    }

    async fn fetched(&self) -> Result<String, String> {
        let parse = |text: &str| super::settings::address("the issuer's jwks_uri", text);
        if !self.jwks_url.is_empty() {
            return fetch(&parse(&self.jwks_url).map_err(|wrong| wrong.to_string())?).await;
        }
        let base = self.name.trim_end_matches('/');
        let url = Url::parse(&format!("{base}/.well-known/openid-configuration"));
        let text = fetch(&url.map_err(|error| error.to_string())?).await?;
        let discovery: Discovery =
            serde_json::from_str(&text).map_err(|error| format!("its discovery document: {error}"))?;
        if discovery.issuer != self.name {
            return Err(format!("its discovery document is that of {:?}", discovery.issuer));
        }
        fetch(&parse(&discovery.jwks_uri).map_err(|wrong| wrong.to_string())?).await
    }

    fn take(&self, keys: KeySet) {
        let mut current = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if !current.as_ref().is_some_and(|current| current.is_same(&keys)) {
            tracing::info!(issuer = self.name, keys = keys.len(), "fetched the issuer's keys");
            *current = Some(Arc::new(keys));
            self.generation.fetch_add(1, Ordering::Release);
        }
        drop(current);
        self.set_trouble(None);
    }

    /// Says once what is wrong.
    fn complain(&self, cause: String) {
        if self.trouble().as_ref() != Some(&cause) {
            let issuer = &self.name;
            if self.keys().is_some() {
                tracing::warn!(issuer, cause, "the issuer's keys cannot be fetched; they stay as they were");
            } else {
                tracing::warn!(issuer, cause, "the issuer's keys cannot be fetched; no token can be checked");
            }
        }
        self.set_trouble(Some(cause));
    }

    fn trouble(&self) -> Option<String> {
        self.trouble.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.write().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}
