//! API keys: by themselves, and as a unit has them that takes nothing else.

use std::sync::Arc;

use async_trait::async_trait;
use keeper_domain::{Means, Scopes, Timestamp};
use keeper_identity::{ApiKey, Identity, KeyEntry, KeyFile, KeyRing};
use keeper_tests::contract::credentials::{Registrar, SetClock, Subject};
use keeper_tests::contract::samples::at;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};

keeper_tests::credentials_contract!(super::keys);

mod of_a_unit {
    keeper_tests::credentials_contract!(super::super::keys_of_a_unit);
}

#[expect(clippy::unused_async, reason = "the suites await their fixtures")]
async fn keys() -> (Subject, (TempDir, DropGuard)) {
    let folder = TempDir::new().unwrap();
    let (file, clock) = (KeyFile::new(folder.path().join("keys.toml")), Arc::new(SetClock::new()));
    std::fs::write(file.path(), "keys = []\n").unwrap();
    let ring = Arc::new(KeyRing::open(file.clone(), clock.clone()).unwrap());
    let stop = CancellationToken::new();
    tokio::spawn(Arc::clone(&ring).watch(stop.clone()));
    let registrar = Arc::new(Keys { file, random: SystemRandom::new() });
    let subject = Subject { credentials: ring, means: Means::ApiKey, registrar, clock, cut_off: None };
    (subject, (folder, stop.drop_guard()))
}

async fn keys_of_a_unit() -> (Subject, (TempDir, DropGuard)) {
    let (subject, kept) = keys().await;
    let keys = Some(subject.credentials);
    (Subject { credentials: Arc::new(Identity { keys, tokens: None }), ..subject }, kept)
}

/// Gives keys out, as the command does.
struct Keys {
    file: KeyFile,
    random: SystemRandom,
}

#[async_trait]
impl Registrar for Keys {
    async fn issue(&self, subject: &str, scopes: Scopes, expires: Timestamp) -> String {
        let key = ApiKey::generate(&self.random).unwrap();
        self.file.add(KeyEntry::new(&key, subject, scopes, at(0), Some(expires)).unwrap()).unwrap();
        key.expose()
    }

    async fn revoke(&self, credentials: &str) {
        self.file.remove(credentials.split('_').nth(1).unwrap()).unwrap();
    }

    fn strangers(&self) -> Vec<String> {
        vec![ApiKey::generate(&self.random).unwrap().expose()]
    }

    /// Its checksum is right, so that it is compared.
    fn guess(&self, credentials: &str, right: usize) -> String {
        let (id, secret) = (credentials.split('_').nth(1).unwrap(), credentials.split('_').nth(2).unwrap());
        let wrong = secret[right..].chars().map(|letter| if letter == 'a' { 'b' } else { 'a' });
        let start = format!("ck_{id}_{}{}", &secret[..right], wrong.collect::<String>());
        let alphabet = b"abcdefghijkmnpqrstuvwxyz23456789";
        let hash = digest(&SHA256, start.as_bytes());
        let checksum = hash.as_ref()[..6].iter().map(|byte| char::from(alphabet[usize::from(byte % 32)]));
        let guess = format!("{start}_{}", checksum.collect::<String>());
        assert!(ApiKey::parse(&guess).is_some(), "it is a key as far as anybody sees");
        guess
    }

    fn secret_length(&self) -> usize {
        40
    }
}
