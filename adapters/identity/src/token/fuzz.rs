//! Tokens and key sets of whatever form.

use arbtest::arbitrary::{Result, Unstructured};
use keeper_domain::Means;
use keeper_ports::access::{Credentials, Presented, Recognition};
use serde_json::{Value, json};

use super::key_set::KeySet;
use super::tests::{NOW, Signer, Site};
use crate::Tokens;
use crate::mutation::mutated;

/// The subject, if the token is good.
async fn subject(tokens: &Tokens, token: &str) -> Option<String> {
    match tokens.recognise(Presented::new(Means::Token, token)).await.unwrap() {
        Recognition::Known(principal) => Some(principal.subject),
        Recognition::Refused(_) => None,
    }
}

/// A value of any kind; often one that is almost right.
fn value(random: &mut Unstructured<'_>, near: &[Value]) -> Result<Value> {
    Ok(match random.int_in_range(0..=9)? {
        0 => Value::Null,
        1 => json!(random.arbitrary::<bool>()?),
        2 => json!(random.arbitrary::<i64>()?),
        3 => json!(random.arbitrary::<f64>()?),
        4 => json!(random.arbitrary::<String>()?),
        5 => json!([random.choose(near)?]),
        6 => json!([random.arbitrary::<String>()?, random.choose(near)?]),
        7 => json!({ "a": random.choose(near)? }),
        _ => random.choose(near)?.clone(),
    })
}

fn is_one_of(claim: &Value, wanted: &str) -> bool {
    claim.as_str() == Some(wanted)
        || claim.as_array().is_some_and(|list| list.iter().any(|one| one == wanted))
}

/// `NOW` as JSON's numbers are read.
const NOW_S: f64 = 1_800_000_000.0;

/// What the rules say of the claims, written a second time.
fn may_be_good(claims: &Value, url: &str) -> bool {
    let in_time = claims["exp"].as_f64().is_some_and(|end| end + 60.0 > NOW_S);
    let begun = claims.get("nbf").is_none_or(|from| from.as_f64().is_some_and(|from| from < NOW_S + 61.0));
    let named = claims["sub"].as_str().is_some_and(|sub| !sub.is_empty());
    in_time && begun && named && is_one_of(&claims["iss"], url) && is_one_of(&claims["aud"], "us")
}

struct Fuzzed {
    runtime: tokio::runtime::Runtime,
    site: Site,
    tokens: Tokens,
    signer: Signer,
}

fn fuzzed() -> Fuzzed {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let signer = Signer::elliptic();
    let site = runtime.block_on(Site::new(Some(json!([signer.jwk("g"), Signer::edwards().jwk("o")]))));
    let (tokens, issuer) = site.tokens(NOW);
    runtime.block_on(issuer.refresh());
    Fuzzed { runtime, site, tokens, signer }
}

/// No panic, and nobody is recognised by a text that nobody signed.
#[test]
fn fuzz_tokens() {
    let Fuzzed { runtime, site, tokens, signer } = fuzzed();
    let token = |subject: &str| {
        let mut claims = site.claims();
        claims["sub"] = json!(subject);
        signer.token(&json!({"alg": "ES256", "kid": "g"}), &claims)
    };
    let good = [token("anna"), token("boris")];
    arbtest::arbtest(|random| {
        let text = mutated(random, &good)?;
        let known = runtime.block_on(subject(&tokens, &text)).is_some();
        assert_eq!(known, good.contains(&text), "{text:?}");
        Ok(())
    });
}

/// No panic on whatever the issuer itself signs, and who is recognised has claims that the rules allow.
#[test]
fn fuzz_claims() {
    let Fuzzed { runtime, site, tokens, signer } = fuzzed();
    let usual = site.claims();
    let near = [
        json!("anna"),
        json!("us"),
        json!(site.url),
        json!(NOW),
        json!(NOW - 60),
        json!(NOW + 60),
        json!(""),
    ];
    let heads = [json!("ES256"), json!("EdDSA"), json!("HS256"), json!("none"), json!("g"), json!("o")];
    arbtest::arbtest(|random| {
        let (mut header, mut claims) = (json!({"alg": "ES256", "kid": "g"}), usual.clone());
        for name in ["iss", "aud", "exp", "sub", "nbf", "scope"] {
            if random.ratio(1, 4)? {
                claims[name] = value(random, &near)?;
            }
        }
        for name in ["alg", "kid", "typ", "crit", "jwk"] {
            if random.ratio(1, 12)? {
                header[name] = value(random, &heads)?;
            }
        }
        let token = signer.token(&header, &claims);
        if let Some(subject) = runtime.block_on(subject(&tokens, &token)) {
            assert_eq!((&header["alg"], &header["kid"]), (&json!("ES256"), &json!("g")), "{header}");
            assert!(may_be_good(&claims, &site.url), "{claims}");
            assert_eq!(claims["sub"], subject);
        } else {
            let plain = header == json!({"alg": "ES256", "kid": "g"});
            assert!(!plain || claims != usual, "a good token was refused");
        }
        Ok(())
    });
}

/// No panic on whatever the issuer says that its keys are.
#[test]
fn fuzz_key_sets() {
    let keys = json!({"keys": [Signer::elliptic().jwk("e"), Signer::edwards().jwk("d")]}).to_string();
    arbtest::arbtest(|random| {
        let text = mutated(random, std::slice::from_ref(&keys))?;
        if let Ok(set) = KeySet::parse(&text) {
            assert!((1..=2).contains(&set.len()));
        }
        Ok(())
    });
}
