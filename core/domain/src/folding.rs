//! When two texts are the same to a reader, although their characters differ.

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizer, DecomposingNormalizer};
use icu_properties::CodePointMapData;
use icu_properties::props::{
    BinaryProperty, DefaultIgnorableCodePoint, EnumeratedProperty, GeneralCategory,
    PrependedConcatenationMark, Script,
};

/// The number of the rule by which [`fold`] folds. A store that keeps folded texts keeps it beside them: texts that were
/// folded by an earlier rule have to be folded anew.
pub const FOLDING: i16 = 2;

/// Folds a text for a search, so that people find what they type, in every store alike.
///
/// Folded together are: letters of either case (Unicode, full case folding), forms of one character (compatibility
/// decomposition: `ﬁ` is `fi`, `Ａ` is `a`), one code point or several (`é`), letters of the Latin, Greek and Cyrillic
/// scripts with and without their marks (`é` is `e`, `ᾠ` is `ω`), the Turkish dotless `ı` and `i`, quotation marks, dashes
/// and slashes with those that are on a keyboard. Characters that nobody sees are left out. Marks of other scripts are letters' parts
/// and stay.
///
/// A part of a text folds to a part of the folded text, unless it was cut within a character as a reader sees it.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let decomposer = DecomposingNormalizer::new_nfkd();
    let typed: String = text.chars().map(without_space).collect();
    let apart = without_iota_subscript(&decomposer.normalize(&typed));
    let folded = CaseMapper::new().fold_string(&apart).into_owned();
    let mut plain = String::with_capacity(folded.len());
    let mut drops_marks = false;
    for character in decomposer.normalize(&folded).chars().filter(|character| !is_invisible(*character)) {
        if matches!(
            GeneralCategory::for_char(character),
            GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark
        ) {
            if !drops_marks {
                plain.push(character);
            }
            continue;
        }
        let script = CodePointMapData::<Script>::new().get(character);
        drops_marks = matches!(script, Script::Latin | Script::Greek | Script::Cyrillic);
        plain.push(as_typed(character));
    }
    // Composed again: a syllable of Hangul must not be found in a longer one, nor か in が.
    ComposingNormalizer::new_nfc().normalize(&plain).into_owned()
}

/// Without the mark that full case folding makes a letter of: under a Greek one it is ignored as the others are.
fn without_iota_subscript(apart: &str) -> String {
    const IOTA_SUBSCRIPT: char = '\u{345}';
    let mut greek = false;
    let keep = |character: &char| {
        if !matches!(GeneralCategory::for_char(*character), GeneralCategory::NonspacingMark) {
            greek = CodePointMapData::<Script>::new().get(*character) == Script::Greek;
        }
        !(greek && *character == IOTA_SUBSCRIPT)
    };
    apart.chars().filter(keep).collect()
}

/// Accents that stand alone are typed as apostrophes. Taken apart they would be a space and a mark.
fn without_space(character: char) -> char {
    match character {
        '´' | '\u{384}' | '\u{1fbd}' | '\u{1fbf}' | '\u{1ffd}' => '\'',
        other => other,
    }
}

/// A text with one spelling for what is the same to a reader: composed (Unicode normal form C), with one kind of space, and without
/// characters that nobody sees. Case and all that is visible stay.
pub(crate) fn same_to_a_reader(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let visible = text.chars().filter(|character| !is_invisible(*character)).map(as_space);
    composed(&visible.collect::<String>())
}

/// A text whose characters are single code points where there are such (Unicode normal form C).
pub(crate) fn composed(text: &str) -> String {
    ComposingNormalizer::new_nfc().normalize(text).into_owned()
}

/// A text whose characters are apart from their marks (Unicode normal form D).
pub(crate) fn decomposed(text: &str) -> String {
    DecomposingNormalizer::new_nfd().normalize(text).into_owned()
}

/// Spaces of any width look alike. The one of Ogham is a stroke.
fn as_space(character: char) -> char {
    const OGHAM_SPACE: char = '\u{1680}';
    let is_space = character.is_whitespace() && !character.is_control() && character != OGHAM_SPACE;
    if is_space { ' ' } else { character }
}

/// Whether a reader sees something of the text.
pub(crate) fn is_visible(text: &str) -> bool {
    text.chars().any(|character| !is_invisible(character) && has_shape(character))
}

/// Whether the character is drawn, and the same everywhere. What Unicode has not assigned (yet) or leaves to others to
/// assign is a box at best.
fn has_shape(character: char) -> bool {
    // Assigned to be blank: a notehead, hieroglyphs; and what stands where an object was.
    const BLANK: [char; 4] = ['\u{1d159}', '\u{13441}', '\u{13442}', '\u{fffc}'];
    match GeneralCategory::for_char(character) {
        GeneralCategory::Control
        | GeneralCategory::LineSeparator
        | GeneralCategory::ParagraphSeparator
        | GeneralCategory::PrivateUse
        | GeneralCategory::SpaceSeparator
        | GeneralCategory::Surrogate
        | GeneralCategory::Unassigned => false,
        // Of the formats, the signs that stand around numbers are seen.
        GeneralCategory::Format => PrependedConcatenationMark::for_char(character),
        _ => !BLANK.contains(&character),
    }
}

/// Characters that have no shape of their own: zero-width spaces and joiners, byte order marks, directions of writing,
/// variation selectors, fillers; and the empty Braille pattern.
fn is_invisible(character: char) -> bool {
    const BRAILLE_BLANK: char = '\u{2800}';
    DefaultIgnorableCodePoint::for_char(character) || character == BRAILLE_BLANK
}

/// What a keyboard has for a character that typesetters use.
fn as_typed(character: char) -> char {
    match character {
        'ı' => 'i',
        '‘' | '’' | '‚' | '‛' | 'ʼ' | 'ʻ' | 'ʹ' | '′' => '\'',
        '“' | '”' | '„' | '‟' | '″' => '"',
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' => '-',
        '⁄' | '∕' => '/',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_takes_for_one_user_is_one_user() {
        assert_eq!(same_to_a_reader("Ame\u{301}lie"), "Am\u{e9}lie");
        assert_eq!(same_to_a_reader("anna\u{200b}\u{feff}"), "anna");
        assert_eq!(same_to_a_reader("an\u{a0}n\u{2003}a\u{3000}\u{2028}"), "an n a  ");
        // They look different.
        for (one, other) in [("Anna", "anna"), ("Amelie", "Amélie"), ("ﬁlm", "film")] {
            assert_ne!(same_to_a_reader(one), same_to_a_reader(other));
        }
    }

    #[test]
    fn marks_around_a_letter_are_dropped_like_those_above_it() {
        for (marked, plain) in [("а\u{488}б", "аб"), ("A\u{20dd}B", "ab"), ("e\u{301}", "e")] {
            assert_eq!(fold(marked), plain);
        }
        assert_eq!(fold("虎\u{20dd}"), "虎\u{20dd}");
    }

    #[test]
    fn texts_that_nobody_sees_are_not_visible() {
        let ignored = ["\u{200b}", "\u{feff}", "\u{202e}", "\u{3164}", "\u{ad}", "\u{2800}", " \u{200d} "];
        let formats = ["\u{fff9}", "\u{fffa}", "\u{fffb}", "\u{13430}"];
        let unassigned =
            ["\u{fffe}", "\u{ffff}", "\u{10ffff}", "\u{fdd0}", "\u{378}", "\u{e000}", "\u{f0000}"];
        let spaces = ["", " ", "\t\n", "\u{a0}\u{3000}", "\u{2028}\u{2029}", "\u{1d159}"];
        let blank = ["\u{13441}", "\u{13442}\u{13441}", "\u{fffc}"];
        for nothing in ignored.iter().chain(&formats).chain(&unassigned).chain(&spaces).chain(&blank) {
            assert!(!is_visible(nothing), "{nothing:?}");
        }
        for something in
            ["a", "\u{200b}a", "·", "🎬", "\u{301}", "\u{600}", "\u{fffd}", "\u{1d158}", "字", "\u{13440}"]
        {
            assert!(is_visible(something), "{something:?}");
        }
    }
}
