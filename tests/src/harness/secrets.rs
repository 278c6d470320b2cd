//! The secrets that a test process uses, and a look for them in whatever the units say.

use std::sync::{Mutex, PoisonError};

static SECRETS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// From now on no answer and no log of a unit may have it.
pub fn keep_secret(secret: &str) {
    assert!(secret.len() >= 12, "what is so short is found where it is not meant");
    let mut secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner);
    if !secrets.iter().any(|known| known == secret) {
        secrets.push(secret.to_owned());
    }
}

/// Fails if a text has one of the secrets.
pub fn assert_no_secret_in(text: &str, whose: &str) {
    let secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(at) = secrets.iter().find_map(|secret| text.find(secret.as_str())) {
        let line = text[..at].lines().count();
        // The secret is in no message of a test either.
        let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
        panic!("{whose} has a secret in line {line}: {}…", &text[start..at]);
    }
}
