use crate::Invalid;
use crate::folding::{fold, is_visible};

/// The name of a movie: one line of 1 to 255 characters (Unicode scalar values), without white space at either end,
/// without control characters and without commands to write in another direction, of which a reader sees something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Title(String);

impl Title {
    /// The longest title, in characters.
    pub const MAX_CHARS: usize = 255;

    /// Trims the text and checks it.
    ///
    /// # Errors
    /// The text is blank or invisible, longer than [`Self::MAX_CHARS`], or holds a control character, a line break or a
    /// command to write in another direction.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Invalid::new("title", "must not be empty"));
        }
        if text.contains(|character: char| character.is_control() || breaks_line(character)) {
            return Err(Invalid::new("title", "must not contain control characters such as line breaks"));
        }
        if text.contains(turns_writing) {
            return Err(Invalid::new(
                "title",
                "must not contain characters that turn the direction of writing",
            ));
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

/// Line and paragraph separators, which are no control characters.
fn breaks_line(character: char) -> bool {
    matches!(character, '\u{2028}' | '\u{2029}')
}

/// Embeddings, overrides and isolates, which go on into what is written behind the text. The marks of direction (U+200E,
/// U+200F, U+061C) end where they stand.
fn turns_writing(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
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
        for control in ["a\0b", "a\nb", "a\tb", "a\u{1b}[2Jb", "a\u{85}b", "a\u{2028}b", "a\u{2029}b"] {
            let refused = Title::new(control).unwrap_err().to_string();
            assert_eq!(refused, "title must not contain control characters such as line breaks");
        }
        for turned in ["\u{202e}", "a\u{202a}b", "a\u{202e}b", "a\u{2066}b", "a\u{2069}b"] {
            let refused = Title::new(turned).unwrap_err().to_string();
            assert_eq!(refused, "title must not contain characters that turn the direction of writing");
        }
        for unseen in
            ["\u{200b}", "\u{feff}", "\u{3164}", "\u{200b} \u{2060}", "\u{fff9}", "\u{ffff}", "\u{e000}"]
        {
            let refused = Title::new(unseen).unwrap_err().to_string();
            assert_eq!(refused, "title must have characters that can be seen", "{unseen:?}");
        }
    }

    #[test]
    fn a_title_may_be_in_any_script() {
        // Line separators at an end are white space; marks of direction, joiners and flags are parts of words.
        assert_eq!(Title::new("\u{2029}Solaris\u{2028}").unwrap().as_str(), "Solaris");
        for title in
            ["שלום\u{200f}!", "می\u{200c}خواهم", "👩\u{200d}🚀", "🏴\u{e0067}\u{e0062}\u{e007f}", "a\u{e000}"]
        {
            assert_eq!(Title::new(title).unwrap().as_str(), title);
        }
    }

    #[test]
    fn a_description_is_kept_as_written() {
        assert_eq!(Description::new(" two\nlines ").unwrap().as_str(), " two\nlines ");
        let text = "one\u{2028}\u{2066}two\u{2069}";
        assert_eq!(Description::new(text).unwrap().as_str(), text);
        assert_eq!(Description::new("").unwrap().as_str(), "");
        assert!(Description::new("x".repeat(10_000)).is_ok());
        assert_eq!(Description::new("x".repeat(10_001)).unwrap_err().field(), "description");
    }

    #[test]
    fn what_was_kept_by_other_rules_is_read() {
        for title in [
            "é".repeat(256),
            "a\nb".into(),
            "\u{200b}".into(),
            "a\u{202e}\u{2028}b".into(),
            "\u{ffff}".into(),
        ] {
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
