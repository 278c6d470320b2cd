//! Dead letters as operators see them.

use std::fmt::{self, Display, Write};

use keeper_domain::{Coverage, DeadLetter, DeadLetterId, DeadLetterList};
use keeper_wire::DeadLetterBody;
use serde_json::Value;

/// A table, one line a dead letter, and below it how many are not shown.
pub(super) fn table(list: &DeadLetterList) -> String {
    let mut text = format!("{:36}  {:24}  {:13}  {:36}  DETAIL\n", "ID", "FIRST SEEN", "REASON", "ORDER");
    for letter in &list.letters {
        let order = Visible(letter.order_id.as_deref().unwrap_or("-")).to_string();
        let (id, seen) = (letter.id.to_string(), letter.first_seen.to_string());
        let (reason, detail) = (letter.reason.as_str(), Visible(&letter.detail));
        let _ = writeln!(text, "{id:36}  {seen:24}  {reason:13}  {order:36}  {detail}");
    }
    if let Some(note) = not_shown(list) {
        let _ = writeln!(text, "{note}");
    }
    text
}

/// What a list does not show, if it does not show all there are.
pub(super) fn not_shown(list: &DeadLetterList) -> Option<String> {
    let Coverage { seen, total } = list.coverage;
    let shown = list.letters.len() as u64;
    let note = format!("{} of {} are shown", Count(shown), Count(total));
    if !list.coverage.is_whole() {
        return Some(format!(
            "{note}; {} could be looked at, so that older ones may be missing",
            Count(seen)
        ));
    }
    (shown < total).then(|| format!("{note}; --limit shows more"))
}

/// All that is known of one.
pub(super) fn details(letter: &DeadLetter) -> String {
    let order = letter.order_id.as_deref().unwrap_or("-");
    let mut text = format!(
        "id          {}\nreason      {}\ndetail      {}\nfirst seen  {}\norder id    {}\n",
        letter.id,
        letter.reason.as_str(),
        Visible(&letter.detail),
        letter.first_seen,
        Visible(order),
    );
    for (name, value) in &letter.headers {
        let _ = writeln!(text, "header      {}: {}", Visible(name), Visible(value));
    }
    let _ = writeln!(text, "body        {}", Visible(&String::from_utf8_lossy(&letter.body)));
    text
}

/// Why an id was not found.
pub(super) fn missing(id: DeadLetterId, Coverage { seen, total }: Coverage) -> String {
    if seen >= total {
        return format!("there is no dead letter {id}");
    }
    format!("{id} is not among the {} of {} dead letters that could be looked at", Count(seen), Count(total))
}

/// Everything of it as JSON, the bytes of what is not text included.
pub(crate) fn as_json(letter: &DeadLetter) -> Value {
    // Text and numbers can always be written.
    serde_json::to_value(DeadLetterBody::from(letter.clone())).unwrap_or_default()
}

/// JSON on one line, in which a terminal finds nothing to obey.
pub(crate) fn json_line(value: &Value) -> String {
    // They are in strings only, where JSON has an escape for each: all of them are below U+10000.
    value.to_string().chars().fold(String::new(), |mut line, c| {
        let _ = if acts(c) { write!(line, "\\u{:04x}", u32::from(c)) } else { line.write_char(c) };
        line
    })
}

/// Text of somebody else with its control characters escaped: it neither steers the terminal nor forges a line.
struct Visible<'a>(&'a str);

impl Display for Visible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .chars()
            .try_for_each(|c| if acts(c) { write!(f, "{}", c.escape_default()) } else { f.write_char(c) })
    }
}

/// A terminal obeys it, or shows what follows in another order or not at all.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
        || ('\u{2028}'..='\u{202e}').contains(&c)
        || ('\u{2060}'..='\u{206f}').contains(&c)
}

/// A number with commas between the thousands.
pub(super) struct Count(pub(super) u64);

impl Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (position, digit) in digits.chars().enumerate() {
            if position > 0 && (digits.len() - position).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use keeper_domain::{DeadLetterReason, Timestamp};

    use super::*;

    fn letter(body: &[u8]) -> DeadLetter {
        DeadLetter {
            id: DeadLetterId::derive(None, body),
            reason: DeadLetterReason::Unreadable,
            detail: "line one\nforged \u{1b}[2J\u{9b}31m\u{202e}".into(),
            first_seen: Timestamp::from_millis(1_700_000_000_000).unwrap(),
            order_id: Some("a\rb".into()),
            headers: vec![("x-\u{7}".into(), "\u{1b}]0;title\u{7}".into())],
            body: body.into(),
        }
    }

    fn list(shown: usize, seen: u64, total: u64) -> DeadLetterList {
        DeadLetterList { letters: vec![letter(b"x"); shown], coverage: Coverage { seen, total } }
    }

    #[test]
    fn a_list_says_what_it_does_not_show() {
        assert_eq!(not_shown(&list(3, 3, 3)), None);
        let note = not_shown(&list(100, 3_003, 3_003)).unwrap();
        assert!(note.starts_with("100 of 3,003 are shown") && note.contains("--limit"), "{note}");
        let note = not_shown(&list(2, 65_535, 80_000)).unwrap();
        assert!(note.starts_with("2 of 80,000 are shown; 65,535 could be looked at"), "{note}");
        let text = table(&list(2, 5, 5));
        assert_eq!(text.lines().last(), Some("2 of 5 are shown; --limit shows more"));
        assert_eq!(table(&list(2, 2, 2)).lines().count(), 3);
    }

    #[test]
    fn what_could_not_be_looked_at_is_not_said_to_be_absent() {
        let id = DeadLetterId::derive(None, b"x");
        assert_eq!(missing(id, Coverage::whole(0)), format!("there is no dead letter {id}"));
        let coverage = Coverage { seen: 65_535, total: 80_000 };
        let said = format!("{id} is not among the 65,535 of 80,000 dead letters that could be looked at");
        assert_eq!(missing(id, coverage), said);
    }

    #[test]
    fn control_characters_are_escaped_everywhere() {
        let body = "{\"a\": \"b\"}\u{1b}[31m\r\n\u{85}é 🎬".as_bytes();
        let letter = letter(body);
        let list = DeadLetterList { letters: vec![letter.clone()], coverage: Coverage::whole(1) };
        for text in [table(&list), details(&letter), json_line(&as_json(&letter)) + "\n"] {
            let acting: Vec<_> = text.chars().filter(|c| *c != '\n' && acts(*c)).collect();
            assert!(acting.is_empty(), "{text}");
        }
        assert_eq!(table(&list).lines().count(), 2);
        assert_eq!(details(&letter).lines().count(), 7);
        let shown = details(&letter);
        assert!(shown.ends_with("body        {\"a\": \"b\"}\\u{1b}[31m\\r\\n\\u{85}é 🎬\n"), "{shown}");
        let json: Value = serde_json::from_str(&json_line(&as_json(&letter))).unwrap();
        assert_eq!(json, as_json(&letter));
    }
}
