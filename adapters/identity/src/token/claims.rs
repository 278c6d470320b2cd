use std::collections::HashSet;

use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use keeper_domain::{Means, Principal, Rates, Scope, Scopes};
use serde_json::{Map, Value};

use super::key_set::PublicKey;
use super::{AudienceIn, JwtSettings};

/// The longest token; a larger one is no token of ours, and is not looked at.
pub(super) const LONGEST_TOKEN: usize = 8 * 1024;

/// What the head of a token says of its key, before anything of it is believed.
pub(super) fn key_id(token: &str) -> Result<Option<String>, &'static str> {
    if token.len() > LONGEST_TOKEN {
        return Err("too long");
    }
    let header = decode_header(token).map_err(|_| "not a token")?;
    if header.crit.is_some() {
        return Err("has an extension that must be understood");
    }
    Ok(header.kid)
}

/// A token that is good, and until when: seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verified {
    pub(super) principal: Principal,
    pub(super) until: i64,
}

/// Checks the signature by the key and its own algorithm, and then the claims.
pub(super) fn verify(
    token: &str,
    key: &PublicKey,
    settings: &JwtSettings,
    now: i64,
) -> Result<Verified, &'static str> {
    let mut rules = Validation::new(key.algorithm);
    rules.required_spec_claims = ["exp", "iss", "aud", "sub"].map(str::to_owned).into();
    if settings.audience_in == AudienceIn::Scopes {
        // Where there is one all the same, it is compared.
        rules.required_spec_claims.remove("aud");
    }
    rules.iss = Some(HashSet::from([settings.issuer.clone()]));
    rules.aud = Some(HashSet::from([settings.audience.clone()]));
    // Times are compared below, with the clock that everything else has.
    rules.validate_exp = false;
    let claims = claims(token, &key.key, &rules)?;
    let until = seconds(&claims, "exp")?.ok_or("does not expire")?.saturating_add(settings.leeway());
    if now >= until {
        return Err("expired");
    }
    if seconds(&claims, "nbf")?.is_some_and(|from| from.saturating_sub(settings.leeway()) > now) {
        return Err("not valid yet");
    }
    let subject = claims.get(&settings.subject_claim).and_then(Value::as_str).unwrap_or_default();
    if subject.is_empty() {
        return Err("has no subject");
    }
    let principal = Principal {
        subject: subject.to_owned(),
        credential: subject.to_owned(),
        scopes: scopes(&claims, settings)?,
        means: Means::Token,
        rates: Rates::default(),
    };
    Ok(Verified { principal, until })
}

fn claims(token: &str, key: &DecodingKey, rules: &Validation) -> Result<Map<String, Value>, &'static str> {
    use jsonwebtoken::errors::ErrorKind;
    decode(token, key, rules).map(|token| token.claims).map_err(|error| match error.kind() {
        ErrorKind::InvalidAlgorithm => "signed by another algorithm than its key is for",
        ErrorKind::InvalidSignature => "wrong signature",
        ErrorKind::InvalidIssuer => "of another issuer",
        ErrorKind::InvalidAudience => "for another audience",
        ErrorKind::MissingRequiredClaim(_) => "lacks a claim",
        _ => "not a token",
    })
}

fn seconds(claims: &Map<String, Value>, name: &str) -> Result<Option<i64>, &'static str> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let number = value.as_f64().filter(|number| *number >= 0.0).ok_or("has a time that is none")?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it saturates: far in the future is far in the future"
    )]
    Ok(Some(number as i64))
}

/// Scopes that we know. Before each the audience may stand (`audience/orders:read`); after anybody else's name it is not ours,
/// whatever its last part is.
fn scopes(claims: &Map<String, Value>, settings: &JwtSettings) -> Result<Scopes, &'static str> {
    let names = claims.get(&settings.scope_claim).map(names).unwrap_or_default();
    let known = |names: Vec<&str>| names.into_iter().filter_map(Scope::named).collect();
    // An audience may be an address with a slash at its end.
    let audience = settings.audience.trim_end_matches('/');
    let own = |name| str::strip_prefix(name, audience)?.strip_prefix('/');
    if settings.audience_in == AudienceIn::Aud {
        return Ok(known(names.into_iter().map(|name| own(name).unwrap_or(name)).collect()));
    }
    let own: Vec<_> = names.into_iter().filter_map(own).collect();
    // One that cannot be read, and was not compared, is not ours.
    let others = claims.get("aud").is_some_and(|aud| !self::names(aud).contains(&settings.audience.as_str()));
    if own.is_empty() || others { Err("for another audience") } else { Ok(known(own)) }
}

/// One text with spaces between names, or a list of them.
fn names(claim: &Value) -> Vec<&str> {
    match claim {
        Value::String(text) => text.split(' ').collect(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}
