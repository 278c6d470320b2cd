//! The contract of [`Credentials`], for any kind of credentials.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use keeper_domain::{Means, Principal, Scope, Scopes, Timestamp};
use keeper_ports::Clock;
use keeper_ports::access::{Credentials, Presented, Recognition};

use super::samples::at;
use crate::harness::eventually;

/// What recognises callers, and whoever gives credentials out.
pub struct Subject {
    /// What is under test.
    pub credentials: Arc<dyn Credentials>,
    /// The kind that it recognises.
    pub means: Means,
    /// Whose credentials they are.
    pub registrar: Arc<dyn Registrar>,
    /// The time that it goes by.
    pub clock: Arc<SetClock>,
    /// The same over a source that was never reached, where it can be made without its source.
    pub cut_off: Option<Arc<dyn Credentials>>,
}

/// Gives credentials out, and takes them back.
#[async_trait]
pub trait Registrar: Send + Sync {
    /// Credentials that are good until a time.
    async fn issue(&self, subject: &str, scopes: Scopes, expires: Timestamp) -> String;

    /// Takes them back: from now on nobody is to be recognised by them.
    async fn revoke(&self, credentials: &str);

    /// Credentials in the right form that it did not give out.
    fn strangers(&self) -> Vec<String>;

    /// The same credentials with a wrong secret, of which the first `right` characters are right.
    fn guess(&self, credentials: &str, right: usize) -> String;

    /// How many characters the secret has.
    fn secret_length(&self) -> usize;
}

/// A clock that goes when it is told to.
pub struct SetClock(AtomicI64);

/// When a [`SetClock`] begins: seconds since 1970.
const BEGINNING: i64 = 1_800_000_000;
/// Until when the cases' credentials are good.
const END: i64 = BEGINNING + 600;

impl SetClock {
    #[expect(clippy::new_without_default, reason = "it begins at a time that means nothing")]
    pub fn new() -> Self {
        Self(AtomicI64::new(BEGINNING * 1_000))
    }

    fn set(&self, millis: i64) {
        self.0.store(millis, Ordering::Relaxed);
    }
}

#[async_trait]
impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        at(self.0.load(Ordering::Relaxed))
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Makes a test of each case.
#[macro_export]
macro_rules! credentials_contract {
    ($fixture:path) => {
        $crate::contract_tests!(
            credentials,
            $fixture,
            [
                whoever_was_given_credentials_is_recognised,
                unknown_credentials_are_refused,
                wrong_credentials_are_refused,
                expired_credentials_are_refused,
                revoked_credentials_are_refused,
                credentials_of_another_kind_are_refused,
                a_guess_takes_as_long_however_much_of_it_is_right,
                no_secret_is_in_an_error,
            ]
        );
    };
}

fn scopes(scopes: &[Scope]) -> Scopes {
    scopes.iter().copied().collect()
}

impl Subject {
    async fn ask(&self, text: &str) -> Recognition {
        self.credentials.recognise(Presented::new(self.means, text)).await.unwrap()
    }

    async fn issue(&self, subject: &str) -> String {
        self.issue_with(subject, &[Scope::OrdersRead]).await
    }

    /// Credentials that are known by now: whoever checks them may have to be told of them first.
    async fn issue_with(&self, subject: &str, allowed: &[Scope]) -> String {
        let text = self.registrar.issue(subject, scopes(allowed), at(END * 1_000)).await;
        let known = async || matches!(self.ask(&text).await, Recognition::Known(_)).then_some(());
        eventually("new credentials are known", Duration::from_secs(10), known).await;
        text
    }

    async fn knows(&self, text: &str) -> Principal {
        match self.ask(text).await {
            Recognition::Known(principal) => principal,
            Recognition::Refused(why) => panic!("refused: {why}"),
        }
    }

    #[track_caller]
    fn refused(recognition: &Recognition, what: &str) {
        assert!(matches!(recognition, Recognition::Refused(_)), "{what}: {recognition:?}");
    }
}

pub async fn whoever_was_given_credentials_is_recognised(subject: Subject) {
    for allowed in [&[][..], &[Scope::Operations], &Scope::ALL] {
        let (anna, boris) =
            (subject.issue_with("anna", allowed).await, subject.issue_with("boris 🎬", allowed).await);
        for (name, text) in [("anna", &anna), ("boris 🎬", &boris), ("anna", &anna)] {
            let principal = subject.knows(text).await;
            assert_eq!((principal.subject.as_str(), principal.means), (name, subject.means));
            assert_eq!(principal.scopes, scopes(allowed), "{name}");
            Subject::refused(&subject.ask(&principal.credential).await, "the name that logs have");
        }
    }
}

pub async fn unknown_credentials_are_refused(subject: Subject) {
    for text in subject.registrar.strangers() {
        Subject::refused(&subject.ask(&text).await, &text);
    }
    let good = subject.issue("anna").await;
    for text in ["", " ", ".", "..", "ck_", "ck____", "Bearer", "\u{0}", &"x".repeat(100_000)] {
        Subject::refused(&subject.ask(text).await, text);
    }
    for text in [format!("{good} "), format!(" {good}"), format!("{good}{good}"), format!("{good}\n")] {
        Subject::refused(&subject.ask(&text).await, &text);
    }
}

pub async fn wrong_credentials_are_refused(subject: Subject) {
    let good = subject.issue("anna").await;
    for at in 0..good.len() {
        let mut changed = good.clone().into_bytes();
        changed[at] = if changed[at] == b'a' { b'b' } else { b'a' };
        let changed = String::from_utf8(changed).unwrap();
        Subject::refused(&subject.ask(&changed).await, &format!("changed at {at}"));
        Subject::refused(&subject.ask(&good[..at]).await, &format!("cut off at {at}"));
    }
    for right in [0, 1, subject.registrar.secret_length() - 4] {
        let guess = subject.registrar.guess(&good, right);
        Subject::refused(&subject.ask(&guess).await, &format!("{right} characters are right"));
    }
    assert_eq!(subject.knows(&good).await.subject, "anna");
}

pub async fn expired_credentials_are_refused(subject: Subject) {
    let text = subject.issue("anna").await;
    subject.clock.set(END * 1_000 - 1);
    assert_eq!(subject.knows(&text).await.subject, "anna");
    for late in [0, 1, 1_000_000_000] {
        subject.clock.set(END * 1_000 + late);
        Subject::refused(&subject.ask(&text).await, &format!("{late} ms after its end"));
    }
}

pub async fn revoked_credentials_are_refused(subject: Subject) {
    let (first, second) = (subject.issue("anna").await, subject.issue("anna").await);
    subject.registrar.revoke(&first).await;
    let refused = async || matches!(subject.ask(&first).await, Recognition::Refused(_)).then_some(());
    eventually("it is refused", Duration::from_secs(10), refused).await;
    assert_eq!(subject.knows(&second).await.subject, "anna");
}

pub async fn credentials_of_another_kind_are_refused(subject: Subject) {
    let text = subject.issue("anna").await;
    for means in Means::ALL.into_iter().filter(|means| *means != subject.means) {
        let asked = subject.credentials.recognise(Presented::new(means, text.clone())).await.unwrap();
        Subject::refused(&asked, means.as_str());
    }
}

/// It can see coarse differences only: those of nanoseconds are for the eye that reads the comparison.
pub async fn a_guess_takes_as_long_however_much_of_it_is_right(subject: Subject) {
    const ROUNDS: usize = 400;
    let good = subject.issue("anna").await;
    let rights = [0, subject.registrar.secret_length() / 2, subject.registrar.secret_length() - 4];
    let guesses = rights.map(|right| subject.registrar.guess(&good, right));
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        // One after the other, so that all are measured on the same machine.
        for (guess, times) in guesses.iter().zip(&mut times) {
            let started = Instant::now();
            let asked = subject.ask(guess).await;
            times.push(started.elapsed());
            Subject::refused(&asked, guess);
        }
    }
    let medians = times.map(|mut times| {
        times.sort_unstable();
        times[ROUNDS / 2]
    });
    let (shortest, longest) = (medians.iter().min().unwrap(), medians.iter().max().unwrap());
    assert!(*longest < *shortest * 2, "{medians:?} for {rights:?} right characters");
}

pub async fn no_secret_is_in_an_error(subject: Subject) {
    let text = subject.issue("anna").await;
    let secret = |told: &str| text.split(['.', '_']).any(|part| part.len() > 20 && told.contains(part));
    assert!(secret(&text), "the test knows the secret");
    let presented = Presented::new(subject.means, text.clone());
    let mut told = vec![format!("{presented:?}"), format!("{:?}", subject.ask(&text).await)];
    for right in [0, 4] {
        told.push(format!("{:?}", subject.ask(&subject.registrar.guess(&text, right)).await));
    }
    if let Some(cut_off) = &subject.cut_off {
        let error = cut_off.recognise(presented).await.unwrap_err();
        assert!(error.is_transient(), "nobody knows whether they are good: {error:?}");
        told.extend([error.to_string(), error.chain(), format!("{error:?}")]);
    }
    for told in told {
        assert!(!secret(&told), "{told}");
    }
}
