use crate::folding::composed;
use crate::{Rates, Scopes, UserId};

/// By which kind of credentials somebody was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Means {
    /// A key that we gave.
    ApiKey,
    /// A token that somebody else signed.
    Token,
}

impl Means {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::ApiKey, Self::Token];

    /// The kind, as it is counted and logged.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::Token => "token",
        }
    }
}

/// Somebody who was recognised, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Who it is: the user whose orders are their own.
    pub subject: String,
    /// The name of the credentials in logs; it opens nothing.
    pub credential: String,
    /// What they may do.
    pub scopes: Scopes,
    /// How they were recognised.
    pub means: Means,
    /// How often they may call, where it is not as often as others.
    pub rates: Rates,
}

impl Principal {
    /// Says whether the user is the principal itself.
    ///
    /// A subject may be composed or decomposed, which Unicode calls the same text. A subject that only looks like the user, because it
    /// has invisible characters for example, is not the user: the issuer may know both.
    pub fn is(&self, user: &UserId) -> bool {
        composed(&self.subject) == user.as_str()
    }
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Nobody is asked who they are: everything is allowed.
    Unchecked,
    /// Somebody without credentials.
    Anonymous,
    /// Somebody who was recognised.
    Known(Principal),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_oneself_and_nobody_similar() {
        let principal = |subject: &str| Principal {
            subject: subject.into(),
            credential: "k1".into(),
            scopes: Scopes::default(),
            means: Means::ApiKey,
            rates: Rates::default(),
        };
        let user = UserId::new("anna").unwrap();
        assert!(principal("anna").is(&user));
        for other in ["", "Anna", "anna ", "ann\u{200b}a", "ann"] {
            assert!(!principal(other).is(&user), "{other:?}");
        }
        let user = UserId::new("Am\u{e9}lie B").unwrap();
        for same in ["Am\u{e9}lie B", "Ame\u{301}lie B"] {
            assert!(principal(same).is(&user) && principal(same).is(&UserId::new(same).unwrap()));
        }
        for other in ["Amelie B", "Am\u{e9}lie\u{a0}B"] {
            assert!(!principal(other).is(&user), "{other:?}");
        }
    }
}
