use std::fmt;

use ring::digest::{SHA256, digest};
use ring::rand::SecureRandom;

/// What is common to all keys, so that a scanner finds one that was published by mistake.
const PREFIX: &str = "ck";
/// 32 characters that are not confused with each other: five bits each.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
const ID_CHARS: usize = 10;
/// 200 bits, which nobody guesses: so one round of SHA-256 is enough to store it.
const SECRET_CHARS: usize = 40;
const CHECKSUM_CHARS: usize = 6;

/// The length of a hash.
pub(crate) const HASH_BYTES: usize = 32;

/// A key as it is given to a client: `ck_<id>_<secret>_<checksum>`. `Debug` shows its id only.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its name in the file and in logs. It opens nothing.
    pub id: String,
    secret: String,
}

impl ApiKey {
    /// Makes a new key; `None` if the system gives no random numbers.
    pub fn generate(random: &dyn SecureRandom) -> Option<Self> {
        Some(Self { id: text(random, ID_CHARS)?, secret: text(random, SECRET_CHARS)? })
    }

    /// Reads a key; `None` for what cannot be one, such as a key that was cut off or mistyped.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('_');
        let (prefix, id, secret, checksum) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let whole = prefix == PREFIX
            && parts.next().is_none()
            && is_text(id, ID_CHARS)
            && is_text(secret, SECRET_CHARS)
            && checksum_of(id, secret) == checksum;
        whole.then(|| Self { id: id.to_owned(), secret: secret.to_owned() })
    }

    /// Says whether a text is meant to be a key.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with("ck_")
    }

    /// The whole key, to be shown once.
    pub fn expose(&self) -> String {
        let checksum = checksum_of(&self.id, &self.secret);
        format!("{PREFIX}_{}_{}_{checksum}", self.id, self.secret)
    }

    /// The hash of its secret.
    pub fn hash(&self) -> [u8; HASH_BYTES] {
        let mut hash = [0; HASH_BYTES];
        hash.copy_from_slice(digest(&SHA256, self.secret.as_bytes()).as_ref());
        hash
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ApiKey({})", self.id)
    }
}

fn text(random: &dyn SecureRandom, chars: usize) -> Option<String> {
    let mut bytes = vec![0; chars];
    random.fill(&mut bytes).ok()?;
    Some(letters(&bytes))
}

/// A letter for each byte. The alphabet's length divides 256, so all letters are equally likely.
fn letters(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

fn is_text(text: &str, chars: usize) -> bool {
    text.len() == chars && text.bytes().all(|byte| ALPHABET.contains(&byte))
}

fn checksum_of(id: &str, secret: &str) -> String {
    let hash = digest(&SHA256, format!("{PREFIX}_{id}_{secret}").as_bytes());
    letters(&hash.as_ref()[..CHECKSUM_CHARS])
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;

    use super::*;

    fn key() -> ApiKey {
        ApiKey::generate(&SystemRandom::new()).unwrap()
    }

    #[test]
    fn a_key_is_read_back_and_no_two_are_the_same() {
        let (one, other) = (key(), key());
        assert_eq!(ApiKey::parse(&one.expose()), Some(one.clone()));
        assert_ne!((&one.id, one.hash()), (&other.id, other.hash()));
        assert!(ApiKey::is_meant(&one.expose()));
    }

    #[test]
    fn a_key_with_one_character_changed_is_none() {
        let text = key().expose();
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'a' { b'b' } else { b'a' };
            assert_eq!(ApiKey::parse(std::str::from_utf8(&changed).unwrap()), None, "{at}");
            assert_eq!(ApiKey::parse(&text[..at]), None, "{at}");
        }
        for wrong in ["", "ck_", "ck____", &format!("{text}_"), &format!(" {text}"), &text.to_uppercase()] {
            assert_eq!(ApiKey::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = key();
        let shown = format!("{key:?}");
        assert!(shown.contains(&key.id) && !shown.contains(&key.secret), "{shown}");
    }
}
