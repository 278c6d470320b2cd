use std::fs;

use keeper_domain::{Scope, Scopes, Timestamp};
use keeper_ports::MockClock;
use ring::rand::SystemRandom;
use tempfile::TempDir;

use super::*;
use crate::mutation::mutated;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

struct Site {
    _folder: TempDir,
    file: KeyFile,
    key: ApiKey,
}

/// A file with a key that expires after five seconds.
fn site() -> Site {
    let folder = tempfile::tempdir().unwrap();
    let file = KeyFile::new(folder.path().join("keys.toml"));
    let key = ApiKey::generate(&SystemRandom::new()).unwrap();
    let scopes: Scopes = [Scope::OrdersRead].into_iter().collect();
    file.add(KeyEntry::new(&key, "shop", scopes, at(0), Some(at(5_000))).unwrap()).unwrap();
    Site { _folder: folder, file, key }
}

fn ring(site: &Site, now: i64) -> KeyRing {
    let mut clock = MockClock::new();
    clock.expect_now().returning(move || at(now));
    KeyRing::open(site.file.clone(), Arc::new(clock)).unwrap()
}

async fn ask(ring: &KeyRing, means: Means, text: &str) -> Result<String, &'static str> {
    match ring.recognise(Presented::new(means, text)).await.unwrap() {
        Recognition::Known(principal) => Ok(principal.subject),
        Recognition::Refused(why) => Err(why),
    }
}

#[tokio::test]
async fn a_key_is_recognised_until_it_expires() {
    let site = site();
    let text = site.key.expose();
    assert_eq!(ask(&ring(&site, 4_999), Means::ApiKey, &text).await, Ok("shop".into()));
    assert_eq!(ask(&ring(&site, 5_000), Means::ApiKey, &text).await, Err("expired"));
}

#[tokio::test]
async fn what_is_no_key_of_the_file_is_refused() {
    let site = site();
    let ring = ring(&site, 0);
    let stranger = ApiKey::generate(&SystemRandom::new()).unwrap();
    assert_eq!(ask(&ring, Means::ApiKey, &stranger.expose()).await, Err("unknown or revoked"));
    assert_eq!(ask(&ring, Means::ApiKey, "ck_").await, Err("not a key"));
    assert_eq!(ask(&ring, Means::Token, &site.key.expose()).await, Err("tokens are not used here"));
    // The right id, with the secret of another key: made by putting an entry of the stranger's hash under the id.
    let text = site.file.text().unwrap();
    let other = KeyEntry::new(&stranger, "shop", Scopes::default(), at(0), None).unwrap();
    let hash = |entries: &str| entries.lines().find(|line| line.starts_with("sha256")).unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let second = KeyFile::new(folder.path().join("keys.toml"));
    second.add(other).unwrap();
    let swapped = text.replace(&hash(&text), &hash(&second.text().unwrap()));
    assert_eq!(ring.look_at(&swapped), 1);
    assert_eq!(ask(&ring, Means::ApiKey, &site.key.expose()).await, Err("wrong secret"));
}

#[tokio::test]
async fn a_revoked_key_is_refused_and_a_damaged_file_changes_nothing() {
    let site = site();
    let ring = ring(&site, 0);
    let text = site.key.expose();
    let good = site.file.text().unwrap();
    let mut seen = ring.look(Seen::Nothing);
    for damaged in ["", "keys = 7", &good[..good.len() - 40]] {
        if damaged.is_empty() {
            fs::remove_file(site.file.path()).unwrap();
        } else {
            fs::write(site.file.path(), damaged).unwrap();
        }
        seen = ring.look(seen);
        assert!(matches!(seen, Seen::Trouble(_)), "{damaged}");
        assert_eq!(ask(&ring, Means::ApiKey, &text).await, Ok("shop".into()), "{damaged}");
    }
    fs::write(site.file.path(), &good).unwrap();
    seen = ring.look(seen);
    assert_eq!(ask(&ring, Means::ApiKey, &text).await, Ok("shop".into()));
    site.file.remove(&site.key.id).unwrap();
    ring.look(seen);
    assert_eq!(ask(&ring, Means::ApiKey, &text).await, Err("unknown or revoked"));
}

#[tokio::test]
async fn a_running_ring_learns_of_a_change_by_itself() {
    let site = site();
    let ring = Arc::new(ring(&site, 0));
    let stop = CancellationToken::new();
    let watching = tokio::spawn(Arc::clone(&ring).watch(stop.clone()));
    site.file.remove(&site.key.id).unwrap();
    let text = site.key.expose();
    let refused = async {
        while ask(&ring, Means::ApiKey, &text).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), refused).await.unwrap();
    stop.cancel();
    watching.await.unwrap();
}

impl KeyRing {
    /// Takes this text for the file's, and says how many keys it has.
    fn look_at(&self, text: &str) -> usize {
        let keys = by_id(parse(text).unwrap());
        let count = keys.len();
        self.take(keys);
        count
    }
}

/// As Kubernetes replaces a mounted secret: the name leads through a link to a folder, and the link is replaced.
#[tokio::test]
async fn a_mount_that_is_replaced_is_followed() {
    use std::os::unix::fs::symlink;

    let (mounted, other) = (site(), site());
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    for (name, site) in [("first", &mounted), ("second", &other)] {
        fs::create_dir(place(name)).unwrap();
        fs::write(place(name).join("keys.toml"), site.file.text().unwrap()).unwrap();
    }
    symlink("first", place("..data")).unwrap();
    symlink("..data/keys.toml", place("keys.toml")).unwrap();
    let mut clock = MockClock::new();
    clock.expect_now().returning(|| at(0));
    let ring = KeyRing::open(KeyFile::new(place("keys.toml")), Arc::new(clock)).unwrap();
    let seen = ring.look(Seen::Nothing);
    assert!(ask(&ring, Means::ApiKey, &mounted.key.expose()).await.is_ok());
    symlink("second", place("..data_tmp")).unwrap();
    fs::rename(place("..data_tmp"), place("..data")).unwrap();
    ring.look(seen);
    assert!(ask(&ring, Means::ApiKey, &mounted.key.expose()).await.is_err());
    assert!(ask(&ring, Means::ApiKey, &other.key.expose()).await.is_ok());
}

/// Whatever comes: no panic, what is read is written the same way, and nobody but the owner of the key is recognised.
#[test]
fn fuzz_keys() {
    let (site, other) = (site(), site());
    let ring = ring(&site, 0);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let good = [site.key.expose(), other.key.expose()];
    arbtest::arbtest(|random| {
        let text = mutated(random, &good)?;
        if let Some(key) = ApiKey::parse(&text) {
            assert_eq!(key.expose(), text);
        }
        let known = runtime.block_on(ask(&ring, Means::ApiKey, &text)).is_ok();
        assert_eq!(known, text == good[0], "{text:?}");
        Ok(())
    });
}

/// Whatever is in the file: no panic, and no word of it in the error but the id of a key.
#[test]
fn fuzz_files() {
    let site = site();
    let rate = keeper_domain::Rate::new(5, 60, 2).unwrap();
    let limits = [(keeper_domain::RatePolicy::Orders, rate)].into_iter().collect();
    let key = ApiKey::generate(&SystemRandom::new()).unwrap();
    site.file
        .add(KeyEntry::new(&key, "limited", Scopes::default(), at(0), None).unwrap().limited(limits))
        .unwrap();
    let good = [site.file.text().unwrap()];
    let digits = good[0].lines().filter_map(|line| line.strip_prefix("sha256 = \""));
    let hashes: Vec<_> = digits.map(|digits| digits[..32].to_owned()).collect();
    assert_eq!(hashes.len(), 2);
    arbtest::arbtest(|random| {
        if let Err(error) = parse(&mutated(random, &good)?) {
            let error = error.to_string();
            assert!(!error.contains('\n') && !hashes.iter().any(|hash| error.contains(hash)), "{error}");
        }
        Ok(())
    });
}
