use std::hash::{Hash, Hasher};

use crate::Invalid;
use crate::folding::{decomposed, is_visible, same_to_a_reader};

/// Who orders: 1 to 64 characters of which a reader sees one, no control characters, no white space at either end. Texts that are
/// the same to a reader are one user.
#[derive(Debug, Clone)]
pub struct UserId {
    text: String,
    /// As it was written, where that differs.
    written: Option<Box<str>>,
}

impl UserId {
    /// The longest user id, in characters.
    pub const MAX_CHARS: usize = 64;

    /// Trims the text and checks it.
    ///
    /// # Errors
    /// The text is blank or invisible, longer than [`Self::MAX_CHARS`], or holds a control character.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let written = text.trim();
        let text = same_to_a_reader(written);
        let text = text.trim();
        if text.is_empty() || text.chars().count() > Self::MAX_CHARS || text.chars().any(char::is_control) {
            let rule = format!("must be 1 to {} characters without control characters", Self::MAX_CHARS);
            return Err(Invalid::new("user_id", rule));
        }
        if !is_visible(text) {
            return Err(Invalid::new("user_id", "must have characters that can be seen"));
        }
        Ok(Self { text: text.to_owned(), written: (written != text).then(|| written.into()) })
    }

    /// Takes a user id that was checked when its order was recorded, by whatever rules.
    ///
    /// # Errors
    /// The text is blank.
    pub fn from_store(text: &str) -> Result<Self, Invalid> {
        if text.trim().is_empty() {
            return Err(Invalid::new("user_id", "must not be empty"));
        }
        let same = same_to_a_reader(text);
        let same = if same.trim().is_empty() { text } else { same.trim() };
        Ok(Self { text: same.to_owned(), written: (text != same).then(|| text.into()) })
    }

    /// The user id's text, the same for all texts that are the same to a reader.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text as it was written, white space at its ends apart. The version 0.1 took it for the user.
    pub fn as_written(&self) -> &str {
        self.written.as_deref().unwrap_or(&self.text)
    }

    /// The texts under which the user's orders are found: its own first, then those under which the version 0.1 recorded them,
    /// as far as they can be told from this one: decomposed, and as it was written.
    pub fn spellings(&self) -> Vec<String> {
        let mut spellings = vec![self.text.clone()];
        for spelling in [decomposed(&self.text), self.as_written().to_owned()] {
            if !spellings.contains(&spelling) {
                spellings.push(spelling);
            }
        }
        spellings
    }
}

impl PartialEq for UserId {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for UserId {}

impl Hash for UserId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(text: &str) -> UserId {
        UserId::new(text).unwrap()
    }

    #[test]
    fn a_user_id_is_short_and_printable() {
        assert_eq!(user(" 20 ").as_str(), "20");
        assert!(UserId::new(&"ü".repeat(64)).is_ok());
        for text in ["", "  ", "a\0b", "a\nb", "\u{a0}\u{200b}", &"x".repeat(65)] {
            assert!(UserId::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_user_can_be_seen() {
        for unseen in ["\u{fff9}", "\u{e000}", "\u{ffff}", "\u{13430}", "\u{13441}", "\u{fffc}"] {
            let refused = UserId::new(unseen).unwrap_err().to_string();
            assert_eq!(refused, "user_id must have characters that can be seen", "{unseen:?}");
            assert_eq!(UserId::from_store(unseen).unwrap().as_str(), unseen, "it was recorded before");
        }
        assert_eq!(user("anna\u{fffc}").as_str(), "anna\u{fffc}");
    }

    #[test]
    fn texts_that_are_the_same_to_a_reader_are_one_user() {
        for (one, other) in [
            ("Am\u{e9}lie", "Ame\u{301}lie"),
            ("anna", "ann\u{200b}a"),
            ("anna maria", "anna\u{a0}maria"),
            ("anna maria", "anna\u{2003}maria"),
            ("anna", "\u{a0}anna\u{3000}"),
        ] {
            assert_eq!(user(one), user(other));
            assert_eq!(user(other).as_str(), one);
            assert_eq!(UserId::from_store(other).unwrap(), user(one), "as an earlier version recorded it");
        }
        assert_ne!(user("annamaria"), user("anna maria"));
    }

    #[test]
    fn a_user_that_was_recorded_by_other_rules_is_one() {
        for text in ["\u{200b}", "a\nb", &"x".repeat(65)] {
            assert_eq!(UserId::from_store(text).unwrap().as_str(), text);
        }
        assert!(UserId::from_store("\u{a0} ").is_err());
    }

    #[test]
    fn a_user_is_found_by_what_was_recorded_before() {
        assert_eq!(user("20").spellings(), ["20"]);
        assert_eq!(user("Am\u{e9}lie").spellings(), ["Am\u{e9}lie", "Ame\u{301}lie"]);
        assert_eq!(user("Ame\u{301}lie").spellings(), ["Am\u{e9}lie", "Ame\u{301}lie"]);
        assert_eq!(user("a\u{a0}b").spellings(), ["a b", "a\u{a0}b"]);
    }
}
