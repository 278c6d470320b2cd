use std::collections::HashMap;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// The most keys that an issuer may have: it is asked for them over a network.
const MOST_KEYS: usize = 100;

/// A public key, and the one algorithm that it is for.
#[derive(Debug, Clone)]
pub(super) struct PublicKey {
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// The keys of an issuer, by their ids.
#[derive(Debug, Clone, Default)]
pub(super) struct KeySet {
    keys: HashMap<String, PublicKey>,
    /// The issuer's answer, to tell whether it is another one.
    source: String,
}

#[derive(Deserialize)]
struct Written {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a JSON Web Key Set (RFC 7517). Keys that are not for signatures, or of a kind that is not used, are passed over;
    /// so are secrets, which have no place there.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let written: Written = serde_json::from_str(text)
            .map_err(|error| format!("the keys are no JSON Web Key Set: {error}"))?;
        let keys: HashMap<_, _> =
            written.keys.into_iter().take(MOST_KEYS).filter_map(|key| read(&key)).collect();
        if keys.is_empty() {
            return Err("the issuer has no key for RS256, ES256 or EdDSA".to_owned());
        }
        Ok(Self { keys, source: text.to_owned() })
    }

    /// The key of this id. A token without an id has the only key that there is.
    pub(super) fn find(&self, id: Option<&str>) -> Option<&PublicKey> {
        match id {
            Some(id) => self.keys.get(id),
            None if self.keys.len() == 1 => self.keys.values().next(),
            None => None,
        }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.source == other.source
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }
}

fn read(value: &Value) -> Option<(String, PublicKey)> {
    let jwk = Jwk::deserialize(value).ok()?;
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        _ => return None,
    };
    let for_signatures = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
    // What the issuer says that the key is for, if it says so.
    let meant = value.get("alg").and_then(Value::as_str).is_none_or(|name| name == written(algorithm));
    if !for_signatures || !meant {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some((jwk.common.key_id.unwrap_or_default(), PublicKey { algorithm, key }))
}

fn written(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::ES256 => "ES256",
        Algorithm::EdDSA => "EdDSA",
        _ => "RS256",
    }
}
