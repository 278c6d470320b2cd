use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use ring::digest::{SHA256, digest};

use super::claims::Verified;

/// The most tokens that are remembered, of a few hundred bytes each.
const MOST: usize = 10_000;

type Hash = [u8; 32];

/// Tokens that were good, so that a signature is not checked for each request. It has their hashes, not the tokens.
#[derive(Default)]
pub(super) struct Cache(Mutex<HashMap<Hash, Entry>>);

struct Entry {
    /// Of which keys of the issuer the signature was one.
    generation: u64,
    verified: Verified,
}

impl Cache {
    /// What is known of the token, unless it has expired or the issuer has other keys now.
    pub(super) fn find(&self, token: &str, now: i64, generation: u64) -> Option<Verified> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = tokens.get(&hash(token)).filter(|entry| entry.generation == generation)?;
        Some(entry.verified.clone()).filter(|verified| now < verified.until)
    }

    /// Keeps a token. The generation is that of before its key was looked for.
    pub(super) fn keep(&self, token: &str, verified: Verified, now: i64, generation: u64) {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= MOST {
            tokens.retain(|_, entry| now < entry.verified.until && entry.generation == generation);
        }
        // So many that are good at once: it begins anew.
        if tokens.len() >= MOST {
            tokens.clear();
        }
        tokens.insert(hash(token), Entry { generation, verified });
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

fn hash(token: &str) -> Hash {
    let mut hash = Hash::default();
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use keeper_domain::{Means, Principal, Rates, Scopes};

    use super::*;

    #[test]
    fn it_is_bounded_and_forgets_what_has_expired() {
        let (subject, credential) = (String::new(), String::new());
        let principal = Principal {
            subject,
            credential,
            scopes: Scopes::default(),
            means: Means::Token,
            rates: Rates::default(),
        };
        let verified = |until| Verified { principal: principal.clone(), until };
        let cache = Cache::default();
        cache.keep("a", verified(10), 0, 1);
        assert!(cache.find("a", 9, 1).is_some());
        for (token, now, generation) in [("a", 10, 1), ("b", 0, 1), ("a", 9, 2)] {
            assert_eq!(cache.find(token, now, generation), None);
        }
        for number in 0..2 * MOST {
            cache.keep(&number.to_string(), verified(100), 50, 1);
            assert!(cache.len() <= MOST);
        }
        assert_eq!(cache.find("a", 0, 1), None, "it went first");
        assert!(cache.find(&(2 * MOST - 1).to_string(), 50, 1).is_some());
    }
}
