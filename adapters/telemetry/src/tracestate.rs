//! The form of what systems on the way add to a trace context: W3C Trace Context, `tracestate`.

/// The most members of a list.
const MAX_MEMBERS: usize = 32;

/// The most bytes that are passed on: what the standard asks everybody to carry at least.
const MAX_BYTES: usize = 512;

/// The headers of a request as one list, if it may be passed on: 1 to 32 members `key=value`, at most 512 bytes, no key
/// twice. Otherwise none: a list with an invalid member is dropped as a whole.
pub fn tracestate<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut list = String::new();
    let mut keys = Vec::new();
    let members = headers.into_iter().flat_map(|header| header.split(',')).map(trimmed);
    for member in members.filter(|member| !member.is_empty()) {
        let (key, value) = member.split_once('=')?;
        if !is_key(key) || !is_value(value) || keys.contains(&key) {
            return None;
        }
        keys.push(key);
        if !list.is_empty() {
            list.push(',');
        }
        list.push_str(member);
        if keys.len() > MAX_MEMBERS || list.len() > MAX_BYTES {
            return None;
        }
    }
    (!list.is_empty()).then_some(list)
}

/// Spaces and tabs around a member mean nothing.
fn trimmed(member: &str) -> &str {
    member.trim_matches([' ', '\t'])
}

fn is_key(key: &str) -> bool {
    let starts = key.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/@".contains(&byte);
    starts && key.len() <= 256 && key.bytes().all(rest)
}

fn is_value(value: &str) -> bool {
    let printable = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'=';
    (1..=256).contains(&value.len()) && value.bytes().all(printable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_passed_on_in_its_order() {
        assert_eq!(tracestate(["rojo=00f067aa0ba902b7"]).as_deref(), Some("rojo=00f067aa0ba902b7"));
        assert_eq!(tracestate(["b=2 3, ,a@x=1\t", "1c=!~"]).as_deref(), Some("b=2 3,a@x=1,1c=!~"));
    }

    #[test]
    fn what_the_standard_calls_invalid_is_dropped_as_a_whole() {
        let nothing: [&str; 0] = [];
        assert_eq!(tracestate(nothing), None);
        for list in [
            "", " , ", "a", "a=", "=1", "A=1", "_a=1", "a b=1", "a=1=2", "a=\u{e9}", "a=\r", "a=1,b",
            "a=1,a=2",
        ] {
            assert_eq!(tracestate([list]), None, "{list:?}");
        }
    }

    #[test]
    fn a_list_has_limits() {
        let members = |count: usize| (0..count).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
        assert!(tracestate([members(32).as_str()]).is_some());
        assert_eq!(tracestate([members(33).as_str()]), None);
        let long = |len: usize| format!("a={},b={}", "x".repeat(250), "y".repeat(len - 255));
        assert_eq!(long(510).len(), 510);
        assert!(tracestate([long(510).as_str()]).is_some());
        assert_eq!(tracestate([long(510).as_str(), "ccc=1"]), None);
    }
}
