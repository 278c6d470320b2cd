//! Tokens of an issuer: by themselves, and as a unit has them that takes nothing else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use keeper_domain::{Means, Scope, Scopes, Timestamp};
use keeper_identity::{AudienceIn, Identity, Issuer, JwtSettings, Tokens};
use keeper_tests::contract::credentials::{Registrar, SetClock, Subject};
use keeper_tests::harness::TokenIssuer;
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

keeper_tests::credentials_contract!(super::tokens);

mod of_a_unit {
    keeper_tests::credentials_contract!(super::super::tokens_of_a_unit);
}

/// The first token of a case is signed with a key of its own, so that it is taken back with its key.
const FIRST: &str = "first";
const OTHERS: &str = "others";

async fn tokens() -> (Subject, DropGuard) {
    let source = Arc::new(TokenIssuer::new());
    for id in [FIRST, OTHERS] {
        source.add_key(id);
    }
    let clock = Arc::new(SetClock::new());
    let stop = CancellationToken::new();
    let tokens = |issuer: Arc<Issuer>| Tokens::new(settings(&source), issuer, clock.clone());
    let cut_off: Option<Arc<dyn keeper_ports::access::Credentials>> =
        Some(Arc::new(tokens(Arc::new(Issuer::new(&settings(&TokenIssuer::new()))))));
    source.start().await;
    let issuer = Arc::new(Issuer::new(&settings(&source)));
    tokio::spawn(Arc::clone(&issuer).watch(stop.clone()));
    let registrar = Arc::new(Signed {
        source: Arc::clone(&source),
        issuer: Arc::clone(&issuer),
        given: AtomicBool::new(false),
        watches: Mutex::default(),
    });
    let credentials = Arc::new(tokens(issuer));
    (Subject { credentials, means: Means::Token, registrar, clock, cut_off }, stop.drop_guard())
}

async fn tokens_of_a_unit() -> (Subject, DropGuard) {
    let (subject, kept) = tokens().await;
    let tokens = Some(subject.credentials);
    (Subject { credentials: Arc::new(Identity { keys: None, tokens }), ..subject }, kept)
}

fn settings(source: &TokenIssuer) -> JwtSettings {
    JwtSettings {
        issuer: source.url(),
        audience: "us".into(),
        audience_in: AudienceIn::Aud,
        jwks_url: String::new(),
        subject_claim: "sub".into(),
        scope_claim: "scope".into(),
        leeway_s: 0,
    }
}

/// Has tokens signed.
struct Signed {
    source: Arc<TokenIssuer>,
    issuer: Arc<Issuer>,
    given: AtomicBool,
    watches: Mutex<Vec<DropGuard>>,
}

impl Signed {
    fn claims(&self, subject: &str, scopes: Scopes, seconds: i64) -> Value {
        let scopes: Vec<_> = scopes.iter().map(Scope::as_str).collect();
        json!({"iss": self.source.url(), "aud": "us", "sub": subject, "exp": seconds, "scope": scopes.join(" ")})
    }
}

#[async_trait]
impl Registrar for Signed {
    async fn issue(&self, subject: &str, scopes: Scopes, expires: Timestamp) -> String {
        let id = if self.given.swap(true, Ordering::Relaxed) { OTHERS } else { FIRST };
        self.source.token(id, &self.claims(subject, scopes, expires.as_millis() / 1_000))
    }

    async fn revoke(&self, _credentials: &str) {
        // The cases take the first one back. The keys are fetched at the next look, which is now.
        self.source.remove_key(FIRST);
        let stop = CancellationToken::new();
        tokio::spawn(Arc::clone(&self.issuer).watch(stop.clone()));
        self.watches.lock().unwrap().push(stop.drop_guard());
    }

    fn strangers(&self) -> Vec<String> {
        let stranger = TokenIssuer::new();
        let sign = |id: &str| {
            stranger.add_key(id);
            stranger.token(id, &self.claims("anna", Scopes::default(), 4_000_000_000))
        };
        // With the id of a key that there is, and with another one.
        vec![sign(FIRST), sign("unknown")]
    }

    /// Its signature is as long as it should be, so that it is checked.
    fn guess(&self, credentials: &str, right: usize) -> String {
        let (start, signature) = credentials.rsplit_once('.').unwrap();
        let wrong = signature[right..].chars().map(|digit| if digit == 'A' { 'Q' } else { 'A' });
        format!("{start}.{}{}", &signature[..right], wrong.collect::<String>())
    }

    /// 256 bytes in digits of six bits.
    fn secret_length(&self) -> usize {
        342
    }
}
