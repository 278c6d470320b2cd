use std::collections::BTreeMap;

use keeper_domain::{Means, Principal, RatePolicy, Rates, Scope, Scopes, Timestamp, UserId};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::api_key::HASH_BYTES;
use crate::{ApiKey, KeyFileError, PolicySettings};

/// What is kept of a key: everything but its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEntry {
    /// The key's id.
    pub id: String,
    /// Whose key it is; two keys of one name are the same caller.
    pub name: String,
    /// What it allows.
    pub scopes: Scopes,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is refused, if ever.
    pub expires: Option<Timestamp>,
    /// How often it may call, under the policies that are not as usual.
    pub limits: Rates,
    hash: [u8; HASH_BYTES],
}

impl KeyEntry {
    /// Describes a new key.
    ///
    /// # Errors
    /// The name cannot be a user's.
    pub fn new(
        key: &ApiKey,
        name: &str,
        scopes: Scopes,
        created: Timestamp,
        expires: Option<Timestamp>,
    ) -> Result<Self, KeyFileError> {
        let (id, hash) = (key.id.clone(), key.hash());
        let limits = Rates::default();
        Self { id, name: name.to_owned(), scopes, created, expires, limits, hash }.checked()
    }

    /// The same key with rates of its own.
    #[must_use]
    pub fn limited(self, limits: Rates) -> Self {
        Self { limits, ..self }
    }

    /// Says whether the key is this one, in a time that does not depend on how much of its secret is right.
    pub(crate) fn is_of(&self, key: &ApiKey) -> bool {
        self.hash.ct_eq(&key.hash()).into()
    }

    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| now >= expires)
    }

    pub(crate) fn principal(&self) -> Principal {
        Principal {
            subject: self.name.clone(),
            credential: self.id.clone(),
            scopes: self.scopes,
            means: Means::ApiKey,
            rates: self.limits,
        }
    }

    fn checked(self) -> Result<Self, KeyFileError> {
        // It is compared with user ids as they are read.
        if UserId::new(&self.name).is_ok_and(|user| user.as_str() == self.name) {
            Ok(self)
        } else {
            let why = "must be 1 to 64 visible characters without space at either end".to_owned();
            Err(KeyFileError::Entry { id: self.id, field: "name", why })
        }
    }
}

/// An entry as it is in the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    id: String,
    name: String,
    scopes: Vec<String>,
    created: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    sha256: String,
    /// By the policy's name; last, as a table is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    limits: BTreeMap<String, PolicySettings>,
}

impl From<&KeyEntry> for Written {
    fn from(entry: &KeyEntry) -> Self {
        Self {
            id: entry.id.clone(),
            name: entry.name.clone(),
            scopes: entry.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
            created: entry.created.to_string(),
            expires: entry.expires.map(|expires| expires.to_string()),
            sha256: digits(&entry.hash),
            limits: entry
                .limits
                .iter()
                .map(|(policy, rate)| (policy.as_str().to_owned(), rate.into()))
                .collect(),
        }
    }
}

impl TryFrom<Written> for KeyEntry {
    type Error = KeyFileError;

    fn try_from(written: Written) -> Result<Self, KeyFileError> {
        let Written { id, name, scopes, created, expires, sha256, limits } = written;
        let wrong = |field, why: &str| KeyFileError::Entry { id: id.clone(), field, why: why.to_owned() };
        let time = |field, text: &str| {
            Timestamp::parse(field, text).map_err(|_| wrong(field, "must be a time in RFC 3339"))
        };
        let scopes = scopes
            .iter()
            .map(|scope| Scope::named(scope).ok_or_else(|| wrong("scopes", "has a scope that there is not")));
        let scopes = scopes.collect::<Result<_, _>>()?;
        let created = time("created", &created)?;
        let expires = expires.map(|expires| time("expires", &expires)).transpose()?;
        let hash = bytes(&sha256).ok_or_else(|| wrong("sha256", "must be 64 hexadecimal digits"))?;
        let limits = limits.into_iter().map(|(name, rate)| {
            let policy = RatePolicy::OF_CALLERS.into_iter().find(|policy| policy.as_str() == name);
            let policy = policy.ok_or_else(|| wrong("limits", "has a policy that there is not"))?;
            let rate = rate.rate();
            Ok((policy, rate.map_err(|error| wrong("limits", &format!("has a rate whose {error}")))?))
        });
        let limits = limits.collect::<Result<_, KeyFileError>>()?;
        Self { id, name, scopes, created, expires, limits, hash }.checked()
    }
}

fn digits(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn bytes(digits: &str) -> Option<[u8; HASH_BYTES]> {
    let mut bytes = [0; HASH_BYTES];
    if digits.len() != 2 * HASH_BYTES || !digits.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

/// The work of a comparison, for an id that is in no file: it takes as long as for one that is.
pub(crate) fn compare_with_nothing(key: &ApiKey) {
    let nothing = digest(&SHA256, b"");
    let _: bool = nothing.as_ref().ct_eq(&key.hash()).into();
}
