//! Who a call is made for: the unit that knows its caller passes the name on to the units inside, for their logs.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// The header of the caller's name, between our own units. From outside it is not believed.
pub const CALLER: &str = "X-Caller";

/// The longest name, in bytes as it is written: of a longer one, so much is kept.
const LONGEST: usize = 192;

/// The longest list of names, in bytes: of the callers that share a call, so many are named.
const LONGEST_LIST: usize = 2048;

/// Characters that a name must not have in a header, in a list or in a log line: they are percent-encoded.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%').add(b',').add(b'\\');

/// The name of a caller's credentials, which opens nothing, in visible ASCII characters; the rest is percent-encoded. Where
/// several callers share a call, their names with commas between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerName(String);

impl CallerName {
    /// Writes a name, whatever is in it.
    pub fn new(name: &str) -> Self {
        let mut written = String::new();
        for part in utf8_percent_encode(name, ENCODED) {
            let room = LONGEST.saturating_sub(written.len());
            if part.len() > room {
                // What is encoded is never cut: its part is one character.
                written.push_str(if part.starts_with('%') { "" } else { &part[..room] });
                break;
            }
            written.push_str(part);
        }
        Self(written)
    }

    /// Reads what another unit wrote; `None` for what cannot be that.
    pub fn parse(header: &str) -> Option<Self> {
        let visible = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        let sane = (1..=LONGEST_LIST).contains(&header.len()) && header.bytes().all(visible);
        sane.then(|| Self(header.to_owned()))
    }

    /// The name of the callers of a call that is made for all of them; each is named once.
    pub fn of_all(callers: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut names: Vec<String> = Vec::new();
        let mut length = 0;
        for Self(name) in callers {
            if !names.contains(&name) && length + name.len() < LONGEST_LIST {
                length += name.len() + 1;
                names.push(name);
            }
        }
        (!names.is_empty()).then(|| Self(names.join(",")))
    }

    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_can_be_a_header_and_a_part_of_a_line() {
        for (name, written) in [
            ("k3ajd82jsx", "k3ajd82jsx"),
            ("auth0|5f7c8ec7", "auth0|5f7c8ec7"),
            ("anna@example.com", "anna@example.com"),
            ("a b,c", "a%20b%2Cc"),
            ("eve\n{\"target\":\"audit\"}", "eve%0A{%22target%22:%22audit%22}"),
            ("100%\\", "100%25%5C"),
            ("Ж", "%D0%96"),
        ] {
            let caller = CallerName::new(name);
            assert_eq!(caller.as_str(), written);
            assert_eq!(CallerName::parse(written), Some(caller));
        }
        for long in ["x".repeat(9_000), "Ж".repeat(9_000), " x".repeat(9_000)] {
            let caller = CallerName::new(&long);
            assert!((LONGEST - 2..=LONGEST).contains(&caller.as_str().len()), "{caller:?}");
            assert!(CallerName::parse(caller.as_str()).is_some());
        }
    }

    #[test]
    fn what_no_unit_wrote_is_not_read() {
        for header in ["", "a b", "a\tb", "ü", "a\"b", "a\\", &"x".repeat(LONGEST_LIST + 1)] {
            assert_eq!(CallerName::parse(header), None, "{header:?}");
        }
    }

    #[test]
    fn those_who_share_a_call_are_named_once_each() {
        let names = ["a", "b", "a", "c"].map(CallerName::new);
        assert_eq!(CallerName::of_all(names), CallerName::parse("a,b,c"));
        assert_eq!(CallerName::of_all([]), None);
        let many = (0..1_000).map(|number| CallerName::new(&format!("{number:0>100}")));
        let all = CallerName::of_all(many).unwrap();
        assert!(CallerName::parse(all.as_str()).is_some(), "{}", all.as_str().len());
    }
}
