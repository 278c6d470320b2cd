use crate::Invalid;
use crate::folding::{fold, is_visible};

/// The name of a movie: 1 to 255 characters (Unicode scalar values), without white space at either end and without
/// control characters, of which a reader sees something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Title(String);

impl Title {
    /// The longest title, in characters.
    pub const MAX_CHARS: usize = 255;

    /// Trims the text and checks it.
    ///
    /// # Errors
    /// The text is blank or invisible, longer than [`Self::MAX_CHARS`], or holds a control character.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Invalid::new("title", "must not be empty"));
        }
        if text.chars().any(char::is_control) {
            return Err(Invalid::new("title", "must not contain control characters such as line breaks"));
        }
        if !is_visible(text) {
            return Err(Invalid::new("title", "must have characters that can be seen"));
        }
        check("title", text, Self::MAX_CHARS)?;
        Ok(Self(text.to_owned()))
    }

    /// Takes a title that was checked when it was kept. The rules may have been others then: another version of this
    /// program may have fewer, or allow longer ones.
    ///
    /// # Errors
    /// The text is blank.
    pub fn from_store(text: &str) -> Result<Self, Invalid> {
        if text.trim().is_empty() {
            return Err(Invalid::new("title", "must not be empty"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The title's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The title's text, owned.
    pub fn into_string(self) -> String {
        self.0
    }
}

/// What a movie is about: up to 10,000 characters, kept as written. It may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description(String);

impl Description {
    /// The longest description, in characters.
    pub const MAX_CHARS: usize = 10_000;

    /// Checks the text.
    ///
    /// # Errors
    /// The text is longer than [`Self::MAX_CHARS`] or holds a NUL character.
    pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        check("description", &text, Self::MAX_CHARS)?;
        Ok(Self(text))
    }

    /// Takes a description that was checked when it was kept, by whatever rules.
    pub fn from_store(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The description's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The description's text, owned.
    pub fn into_string(self) -> String {
        self.0
    }
}

/// A part of a title to search for, whatever its case: 1 to 255 characters, each taken literally.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TitlePart {
    text: String,
    folded: String,
}

impl TitlePart {
    /// Checks and folds the text; a text of which nothing is left asks for nothing and gives `None`.
    ///
    /// # Errors
    /// The text is longer than a title can be, or holds a NUL character.
    pub fn new(text: &str) -> Result<Option<Self>, Invalid> {
        check("title", text, Title::MAX_CHARS)?;
        let folded = fold(text);
        Ok((!folded.is_empty()).then(|| Self { text: text.to_owned(), folded }))
    }

    /// The text as it was asked for. Folded, it may be longer.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The folded text, to be compared with folded titles.
    pub fn as_folded_str(&self) -> &str {
        &self.folded
    }
}

fn check(field: &'static str, text: &str, max: usize) -> Result<(), Invalid> {
    if text.contains('\0') {
        return Err(Invalid::new(field, "must not contain the NUL character"));
    }
    if text.chars().count() > max {
        return Err(Invalid::new(field, format!("must be at most {max} characters long")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_trimmed_and_counted_in_characters() {
        assert_eq!(Title::new("  Solaris \n").unwrap().as_str(), "Solaris");
        assert!(Title::new(&"🎬".repeat(255)).is_ok());
        assert_eq!(
            Title::new(&"é".repeat(256)).unwrap_err().to_string(),
            "title must be at most 255 characters long"
        );
    }

    #[test]
    fn a_blank_or_nul_title_is_refused() {
        for blank in ["", " ", "\t\n", "\u{3000}"] {
            assert_eq!(Title::new(blank).unwrap_err().to_string(), "title must not be empty");
        }
        for control in ["a\0b", "a\nb", "a\tb", "a\u{1b}[2Jb", "a\u{85}b"] {
            let refused = Title::new(control).unwrap_err().to_string();
            assert_eq!(refused, "title must not contain control characters such as line breaks");
        }
        for unseen in ["\u{200b}", "\u{feff}", "\u{202e}", "\u{3164}", "\u{200b} \u{2060}"] {
            let refused = Title::new(unseen).unwrap_err().to_string();
            assert_eq!(refused, "title must have characters that can be seen", "{unseen:?}");
        }
    }

    #[test]
    fn a_description_is_kept_as_written() {
        assert_eq!(Description::new(" two\nlines ").unwrap().as_str(), " two\nlines ");
        assert_eq!(Description::new("").unwrap().as_str(), "");
        assert!(Description::new("x".repeat(10_000)).is_ok());
        assert_eq!(Description::new("x".repeat(10_001)).unwrap_err().field(), "description");
    }

    #[test]
    fn what_was_kept_by_other_rules_is_read() {
        for title in ["é".repeat(256), "a\nb".into(), "\u{200b}".into()] {
            assert_eq!(Title::from_store(&title).unwrap().into_string(), title);
        }
        assert!(Title::from_store(" ").is_err());
        assert_eq!(Description::from_store("x".repeat(20_000)).into_string().len(), 20_000);
    }

    #[test]
    fn a_part_of_a_title_folds_to_a_part_of_the_folded_title() {
        let title = "ΟΔΟΣΑ und STRASSE İstanbul Ёлка — 'ﬁlm'";
        for part in ["ΟΔΟΣ", "οδος", "straße", "İS", "is", "елка", "- ", "’film’", "FI"] {
            assert!(fold(title).contains(&fold(part)), "{part}");
        }
    }

    #[test]
    fn an_empty_search_asks_for_nothing() {
        assert_eq!(TitlePart::new("").unwrap(), None);
        assert_eq!(TitlePart::new("\u{200b}").unwrap(), None);
        assert_eq!(TitlePart::new("%_A").unwrap().unwrap().as_folded_str(), "%_a");
        assert!(TitlePart::new(&"x".repeat(256)).is_err());
    }
}
