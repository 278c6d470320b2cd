use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use keeper_domain::{Means, Scope, Timestamp};
use keeper_ports::access::{Credentials, Presented, Recognition};
use keeper_ports::{Clock, MockClock};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::{AudienceIn, Issuer, JwtSettings, Tokens};

pub(super) const NOW: i64 = 1_800_000_000;
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Base 64 for addresses, without padding.
fn encoded(bytes: &[u8]) -> String {
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let word =
            part.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - part.len()));
        for digit in 0..=part.len() {
            text.push(char::from(DIGITS[(word >> (18 - 6 * digit) & 63) as usize]));
        }
    }
    text
}

pub(super) enum Signer {
    Elliptic(EcdsaKeyPair),
    Edwards(Ed25519KeyPair),
}

impl Signer {
    pub(super) fn elliptic() -> Self {
        let (random, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let document = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        Self::Elliptic(EcdsaKeyPair::from_pkcs8(kind, document.as_ref(), &random).unwrap())
    }

    pub(super) fn edwards() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::Edwards(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap())
    }

    fn public(&self) -> &[u8] {
        match self {
            Self::Elliptic(key) => key.public_key().as_ref(),
            Self::Edwards(key) => key.public_key().as_ref(),
        }
    }

    pub(super) fn jwk(&self, id: &str) -> Value {
        let public = self.public();
        match self {
            Self::Elliptic(_) => json!({"kty": "EC", "crv": "P-256", "kid": id, "use": "sig", "alg": "ES256",
                "x": encoded(&public[1..33]), "y": encoded(&public[33..])}),
            Self::Edwards(_) => json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": encoded(public)}),
        }
    }

    fn signature(&self, text: &str) -> Vec<u8> {
        match self {
            Self::Elliptic(key) => key.sign(&SystemRandom::new(), text.as_bytes()).unwrap().as_ref().to_vec(),
            Self::Edwards(key) => key.sign(text.as_bytes()).as_ref().to_vec(),
        }
    }

    pub(super) fn token(&self, header: &Value, claims: &Value) -> String {
        let text = unsigned(header, claims);
        format!("{text}.{}", encoded(&self.signature(&text)))
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encoded(header.to_string().as_bytes()), encoded(claims.to_string().as_bytes()))
}

/// An issuer on this machine, whose answers can be changed.
pub(super) struct Site {
    pub(super) url: String,
    keys: Arc<Mutex<Option<Value>>>,
    /// While it is held, the issuer takes connections and does not answer.
    hangs: Arc<Mutex<()>>,
    fetches: Arc<AtomicUsize>,
}

impl Site {
    pub(super) async fn new(keys: Option<Value>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/realm", listener.local_addr().unwrap());
        let (keys, fetches) = (Arc::new(Mutex::new(keys)), Arc::new(AtomicUsize::new(0)));
        let (answers, count, base) = (Arc::clone(&keys), Arc::clone(&fetches), url.clone());
        let hangs = Arc::new(Mutex::new(()));
        let hanging = Arc::clone(&hangs);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = [0; 2048];
                let read = stream.read(&mut head).await.unwrap();
                let head = String::from_utf8_lossy(&head[..read]).into_owned();
                drop(hanging.lock().await);
                let Some(keys) = answers.lock().await.clone() else { continue };
                let body = if head.contains("/.well-known/openid-configuration ") {
                    json!({"issuer": base, "jwks_uri": format!("{base}/keys?v=1")})
                } else {
                    assert!(head.starts_with("GET /realm/keys?v=1 "), "{head}");
                    count.fetch_add(1, Ordering::Relaxed);
                    json!({"keys": keys})
                };
                let body = body.to_string();
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { url, keys, hangs, fetches }
    }

    pub(super) fn claims(&self) -> Value {
        json!({"iss": self.url, "aud": ["us", "others"], "sub": "anna", "exp": NOW + 600,
            "scope": "openid orders:read us/orders:write hr/operations https://us/movies:clear us/hr/movies:write"})
    }

    pub(super) fn tokens(&self, now: i64) -> (Tokens, Arc<Issuer>) {
        self.tokens_by(AudienceIn::Aud, now)
    }

    fn tokens_by(&self, audience_in: AudienceIn, now: i64) -> (Tokens, Arc<Issuer>) {
        let settings = JwtSettings {
            issuer: self.url.clone(),
            audience: "us".into(),
            audience_in,
            jwks_url: String::new(),
            subject_claim: "sub".into(),
            scope_claim: "scope".into(),
            leeway_s: 60,
        };
        settings.check().unwrap();
        let mut clock = MockClock::new();
        clock.expect_now().returning(move || Timestamp::from_millis(now * 1_000).unwrap());
        let clock: Arc<dyn Clock> = Arc::new(clock);
        let issuer = Arc::new(Issuer::new(&settings));
        (Tokens::new(settings, Arc::clone(&issuer), clock), issuer)
    }
}

/// The subject, or why it is refused.
async fn ask(tokens: &Tokens, token: &str) -> Result<String, &'static str> {
    match tokens.recognise(Presented::new(Means::Token, token)).await.unwrap() {
        Recognition::Known(principal) => Ok(principal.subject),
        Recognition::Refused(why) => Err(why),
    }
}

fn with(mut claims: Value, key: &str, value: Value) -> Value {
    match value {
        Value::Null => claims.as_object_mut().unwrap().remove(key),
        value => claims.as_object_mut().unwrap().insert(key.into(), value),
    };
    claims
}

#[tokio::test]
async fn a_token_is_recognised_by_its_keys_own_algorithm() {
    let (elliptic, edwards) = (Signer::elliptic(), Signer::edwards());
    let site = Site::new(Some(json!([elliptic.jwk("e"), edwards.jwk("d"), {"kty": "nonsense"}]))).await;
    let (tokens, _) = site.tokens(NOW);
    for (signer, header) in [
        (&elliptic, json!({"alg": "ES256", "kid": "e"})),
        (&edwards, json!({"alg": "EdDSA", "kid": "d", "typ": "at+jwt"})),
    ] {
        let token = signer.token(&header, &site.claims());
        for _ in 0..2 {
            let known = tokens.recognise(Presented::new(Means::Token, token.clone())).await.unwrap();
            let Recognition::Known(principal) = known else { panic!("{known:?}") };
            assert_eq!(principal.subject, "anna");
            let scopes: Vec<_> = principal.scopes.iter().collect();
            assert_eq!(scopes, [Scope::OrdersRead, Scope::OrdersWrite]);
        }
        let list = with(site.claims(), "scope", json!(["orders:any", 7]));
        assert_eq!(ask(&tokens, &signer.token(&header, &list)).await, Ok("anna".into()));
    }
    assert_eq!(site.fetches.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn every_known_attack_is_refused() {
    let (good, other, stranger) = (Signer::elliptic(), Signer::edwards(), Signer::elliptic());
    let public = good.public().to_vec();
    let secret = json!({"kty": "oct", "kid": "s", "k": encoded(b"secret")});
    let site = Site::new(Some(json!([good.jwk("g"), other.jwk("o"), secret]))).await;
    let (tokens, _) = site.tokens(NOW);
    let (header, claims) = (json!({"alg": "ES256", "kid": "g"}), site.claims());
    assert_eq!(ask(&tokens, &good.token(&header, &claims)).await, Ok("anna".into()));
    let hs256 = |id: &str, key: &[u8]| {
        let text = unsigned(&json!({"alg": "HS256", "kid": id}), &claims);
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key);
        format!("{text}.{}", encoded(ring::hmac::sign(&key, text.as_bytes()).as_ref()))
    };
    let claim = |key: &str, value: Value| good.token(&header, &with(claims.clone(), key, value));
    let head = |key: &str, value: Value| good.token(&with(header.clone(), key, value), &claims);
    let whole = good.token(&header, &claims);
    let (start, signature) = whole.rsplit_once('.').unwrap();
    let changed = unsigned(&header, &with(claims.clone(), "sub", json!("boris")));
    for (what, token) in [
        ("none", format!("{}.", unsigned(&json!({"alg": "none", "kid": "g"}), &claims))),
        ("None", format!("{}.", unsigned(&json!({"alg": "None"}), &claims))),
        ("no signature", format!("{start}.")),
        ("HS256 with the public key", hs256("g", &public)),
        ("HS256 with a secret that the set has", hs256("s", b"secret")),
        ("the key of somebody else", stranger.token(&header, &claims)),
        ("the key of another id", good.token(&json!({"alg": "ES256", "kid": "o"}), &claims)),
        ("another algorithm than the key's", good.token(&json!({"alg": "EdDSA", "kid": "g"}), &claims)),
        ("an unknown id", head("kid", json!("x"))),
        ("no id where there are several keys", head("kid", Value::Null)),
        ("a key of its own", stranger.token(&with(header.clone(), "jwk", stranger.jwk("g")), &claims)),
        ("an extension", head("crit", json!(["b64"]))),
        ("changed claims", format!("{changed}.{signature}")),
        ("without exp", claim("exp", Value::Null)),
        ("exp as text", claim("exp", json!("2100-01-01"))),
        ("negative exp", claim("exp", json!(-1))),
        ("expired", claim("exp", json!(NOW - 60))),
        ("not yet", claim("nbf", json!(NOW + 61))),
        ("without aud", claim("aud", Value::Null)),
        ("another aud", claim("aud", json!("them"))),
        ("without iss", claim("iss", Value::Null)),
        ("another iss", claim("iss", json!(format!("{}/", site.url)))),
        ("without sub", claim("sub", Value::Null)),
        ("sub of no text", claim("sub", json!(7))),
        ("empty sub", claim("sub", json!(""))),
        ("9 KiB", claim("more", json!("x".repeat(7_000)))),
        ("four parts", format!("{whole}.{signature}")),
        ("nothing", String::new()),
        ("dots", "..".to_owned()),
    ] {
        assert!(ask(&tokens, &token).await.is_err(), "{what}");
    }
    assert!(ask(&tokens, &claim("exp", json!(NOW - 59))).await.is_ok(), "within the leeway");
}

/// Amazon Cognito's tokens for machines: the audience is in the scopes only.
#[tokio::test]
async fn a_token_without_aud_is_meant_for_whom_its_scopes_name() {
    let signer = Signer::elliptic();
    let site = Site::new(Some(json!([signer.jwk("g")]))).await;
    let (tokens, _) = site.tokens_by(AudienceIn::Scopes, NOW);
    let machine = json!({"iss": site.url, "sub": "4c0f", "client_id": "4c0f", "token_use": "access", "exp": NOW + 600,
        "version": 2, "scope": "us/orders:write them/orders:any orders:read us/sub/operations us/nonsense"});
    let token = |claims: &Value| signer.token(&json!({"alg": "ES256", "kid": "g"}), claims);
    let known = tokens.recognise(Presented::new(Means::Token, token(&machine))).await.unwrap();
    let Recognition::Known(principal) = known else { panic!("{known:?}") };
    assert_eq!(principal.subject, "4c0f");
    assert_eq!(principal.scopes.iter().collect::<Vec<_>>(), [Scope::OrdersWrite], "of others none is ours");
    for (what, key, value, good) in [
        ("an aud of ours", "aud", json!("us"), true),
        ("ours among others", "aud", json!(["them", "us"]), true),
        ("a list of scopes", "scope", json!(["us/orders:read", 7]), true),
        ("a scope of ours that we do not know", "scope", json!("us/nonsense"), true),
        ("another aud, as in a token of identity", "aud", json!("4c0f"), false),
        ("an aud that cannot be read", "aud", json!(7), false),
        ("scopes of others", "scope", json!("them/orders:read"), false),
        ("scopes of one whose name begins like ours", "scope", json!("us2/orders:read"), false),
        ("scopes of nobody", "scope", json!("orders:read openid"), false),
        ("no scopes", "scope", Value::Null, false),
        ("no sub", "sub", Value::Null, false),
    ] {
        assert_eq!(ask(&tokens, &token(&with(machine.clone(), key, value))).await.is_ok(), good, "{what}");
    }
    let (by_claim, _) = site.tokens(NOW);
    assert!(ask(&by_claim, &token(&machine)).await.is_err(), "unless it is asked for, there is an aud");
}

#[tokio::test]
async fn keys_rotate_and_the_last_good_ones_stay() {
    let (old, new) = (Signer::elliptic(), Signer::edwards());
    let site = Site::new(Some(json!([old.jwk("old")]))).await;
    let (tokens, issuer) = site.tokens(NOW);
    let first = old.token(&json!({"alg": "ES256", "kid": "old"}), &site.claims());
    let second = new.token(&json!({"alg": "EdDSA", "kid": "new"}), &site.claims());
    issuer.refresh().await;
    assert!(ask(&tokens, &first).await.is_ok());
    // The issuer goes away, answers nonsense, comes back with both keys.
    for answer in [None, Some(json!([])), Some(json!([{"kty": "oct", "k": "AA"}]))] {
        *site.keys.lock().await = answer;
        issuer.refresh().await;
        assert!(ask(&tokens, &first).await.is_ok());
    }
    *site.keys.lock().await = Some(json!([old.jwk("old"), new.jwk("new")]));
    assert!(ask(&tokens, &second).await.is_ok(), "an unknown id is asked for at once");
    assert!(ask(&tokens, &first).await.is_ok());
    *site.keys.lock().await = Some(json!([new.jwk("new")]));
    issuer.refresh().await;
    assert!(ask(&tokens, &first).await.is_err(), "a key that was withdrawn is believed no more");
    assert!(ask(&tokens, &second).await.is_ok());
}

#[tokio::test]
async fn ids_that_are_made_up_cost_one_fetch() {
    let signer = Signer::elliptic();
    let site = Site::new(Some(json!([signer.jwk("g")]))).await;
    let (tokens, _) = site.tokens(NOW);
    for number in 0..50 {
        let header = json!({"alg": "ES256", "kid": number.to_string()});
        assert!(ask(&tokens, &signer.token(&header, &site.claims())).await.is_err());
    }
    assert_eq!(site.fetches.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn ids_that_are_made_up_delay_a_new_key_by_half_a_minute_at_most() {
    let (old, new) = (Signer::elliptic(), Signer::edwards());
    let site = Site::new(Some(json!([old.jwk("old")]))).await;
    let (tokens, _) = site.tokens(NOW);
    let bogus = old.token(&json!({"alg": "ES256", "kid": "bogus"}), &site.claims());
    assert!(ask(&tokens, &bogus).await.is_err());
    *site.keys.lock().await = Some(json!([old.jwk("old"), new.jwk("new")]));
    let good = new.token(&json!({"alg": "EdDSA", "kid": "new"}), &site.claims());
    assert!(ask(&tokens, &good).await.is_err(), "the keys were fetched just now");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(30)).await;
    tokio::time::resume();
    assert_eq!(ask(&tokens, &good).await, Ok("anna".into()));
}

#[tokio::test]
async fn an_issuer_that_hangs_holds_nobody_up_for_long() {
    let signer = Signer::elliptic();
    let site = Site::new(Some(json!([signer.jwk("g")]))).await;
    let (tokens, issuer) = site.tokens(NOW);
    issuer.refresh().await;
    let _hangs = Arc::clone(&site.hangs).lock_owned().await;
    let (tokens, started) = (Arc::new(tokens), Instant::now());
    let mut asked = JoinSet::new();
    for number in 0..512 {
        let header = json!({"alg": "ES256", "kid": number.to_string()});
        let (tokens, token) = (Arc::clone(&tokens), signer.token(&header, &site.claims()));
        asked.spawn(async move {
            let asked = Instant::now();
            let answer = tokens.recognise(Presented::new(Means::Token, token)).await;
            assert!(answer.unwrap_err().is_transient(), "whether there is such a key is not known");
            asked.elapsed()
        });
    }
    let waited: Vec<Duration> = asked.join_all().await;
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    let long = waited.iter().filter(|waited| **waited >= Duration::from_millis(500)).count();
    assert!((1..=128).contains(&long), "{long}");
}

#[tokio::test]
async fn a_fetch_does_not_end_with_whoever_began_it() {
    let (old, new) = (Signer::elliptic(), Signer::edwards());
    let site = Site::new(Some(json!([old.jwk("old")]))).await;
    let (tokens, issuer) = site.tokens(NOW);
    issuer.refresh().await;
    *site.keys.lock().await = Some(json!([new.jwk("new")]));
    let good = new.token(&json!({"alg": "EdDSA", "kid": "new"}), &site.claims());
    let hangs = Arc::clone(&site.hangs).lock_owned().await;
    assert!(timeout(Duration::from_millis(50), ask(&tokens, &good)).await.is_err());
    drop(hangs);
    assert_eq!(ask(&tokens, &good).await, Ok("anna".into()));
}

#[tokio::test]
async fn an_issuer_that_was_never_reached_is_no_refusal() {
    let signer = Signer::elliptic();
    let site = Site::new(None).await;
    let (tokens, issuer) = site.tokens(NOW);
    let token = signer.token(&json!({"alg": "ES256"}), &site.claims());
    let asked = tokens.recognise(Presented::new(Means::Token, token.clone())).await;
    assert!(asked.unwrap_err().is_transient());
    *site.keys.lock().await = Some(json!([signer.jwk("g")]));
    issuer.refresh().await;
    assert!(ask(&tokens, &token).await.is_ok(), "without an id, the only key");
}

#[test]
fn an_address_is_by_tls_or_on_this_machine() {
    for (address, can) in [
        ("https://issuer.example.com/realm", true),
        ("http://127.0.0.1:9000", true),
        ("http://[::1]:9000", true),
        ("http://localhost", true),
        ("http://issuer.example.com", false),
        ("http://localhost.example.com", false),
        ("ftp://127.0.0.1", false),
        ("https://user:secret@issuer.example.com", false),
        ("issuer", false),
    ] {
        let checked = super::settings::address("auth.jwt.issuer", address);
        assert_eq!(checked.is_ok(), can, "{address}");
        assert!(!checked.err().is_some_and(|wrong| wrong.to_string().contains("secret")));
    }
}
