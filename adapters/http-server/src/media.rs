//! How a body is written: as JSON, in UTF-8, and not compressed. What is anything else is refused with what to send.

use keeper_wire::ErrorCode;
use rocket::http::{ContentType, Header};

use crate::ApiError;

/// Looks at the headers that say how a request's body is written: all its `Content-Type` and `Content-Encoding`.
///
/// # Errors
/// `unsupported_media_type`: it is not JSON, not UTF-8, or compressed; or the headers are not clear.
pub(crate) fn check<'a>(
    mut types: impl Iterator<Item = &'a str>,
    codings: impl Iterator<Item = &'a str>,
) -> Result<(), ApiError> {
    let kind = types.next().and_then(content_type).filter(|_| types.next().is_none());
    match kind {
        Some(kind) if is_json(&kind) => check_charset(&kind)?,
        _ => return Err(refused("the body must be JSON, with one header Content-Type: application/json")),
    }
    let plain = |coding: &str| coding.trim().is_empty() || coding.trim().eq_ignore_ascii_case("identity");
    if codings.flat_map(|line| line.split(',')).all(plain) {
        return Ok(());
    }
    Err(compressed("the body must not be compressed; send it without the header Content-Encoding"))
}

/// Looks at the first bytes of a body: some senders do not say how they wrote it.
///
/// # Errors
/// `unsupported_media_type`: it is compressed, or in UTF-16 or UTF-32.
pub(crate) fn check_bytes(body: &[u8]) -> Result<(), ApiError> {
    match body {
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => {
            Err(compressed("the body must not be compressed; it begins as gzip, zstd or deflate does"))
        }
        // A byte order mark, or a character of JSON in two bytes or four.
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..] => {
            Err(refused("the body must be in UTF-8; it begins as UTF-16 or UTF-32 does"))
        }
        _ => Ok(()),
    }
}

/// Reads a content type. Empty parameters count as none (RFC 9110, 5.6.6); Rocket's reader knows none.
fn content_type(text: &str) -> Option<ContentType> {
    let (mut quoted, mut escaped) = (false, false);
    let mut parts = text.split(|character| {
        let ends = character == ';' && !quoted;
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        ends
    });
    let kind = parts.next().map(str::trim);
    let parts = parts.map(str::trim).filter(|part| !part.is_empty());
    kind.into_iter().chain(parts).collect::<Vec<_>>().join(";").parse().ok()
}

/// `application/json`, and the types that are written in it (RFC 6839).
fn is_json(kind: &ContentType) -> bool {
    let sub = kind.sub().as_str();
    let suffix = sub.len().checked_sub("+json".len()).and_then(|at| sub.get(at..));
    kind.top() == "application"
        && (kind.sub() == "json" || suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("+json")))
}

fn check_charset(kind: &ContentType) -> Result<(), ApiError> {
    let mut charsets = kind.params().filter(|(name, _)| *name == "charset").map(|(_, charset)| charset);
    let utf8 = |charset: &str| {
        let charset = charset.trim_matches('"');
        charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
    };
    if charsets.all(utf8) {
        return Ok(());
    }
    Err(refused("the body must be in UTF-8; send Content-Type: application/json, without another charset"))
}

/// So that a client that compresses by itself knows (RFC 9110, 12.5.3).
fn compressed(message: &'static str) -> ApiError {
    ApiError { headers: vec![Header::new("Accept-Encoding", "identity")], ..refused(message) }
}

fn refused(message: &'static str) -> ApiError {
    ApiError::new(ErrorCode::UnsupportedMediaType, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_is_read_as_the_standard_writes_it() {
        for good in [
            "application/json",
            "Application/JSON",
            "application/json;",
            "application/json ; ",
            "application/json; charset=utf-8;",
            "application/json;;charset=\"UTF-8\"; ;profile=\"a;b\\\";c\"",
            "application/problem+json;",
        ] {
            assert!(check([good].into_iter(), std::iter::empty()).is_ok(), "{good}");
        }
        for wrong in [
            "",
            ";",
            ";application/json",
            "text/plain;",
            "application/json; charset",
            "application/json; charset=utf-16;",
            "application/json; charset=\"utf-8",
        ] {
            assert!(check([wrong].into_iter(), std::iter::empty()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_body_that_is_no_utf8_is_told_by_its_first_bytes() {
        let utf16 = |order: fn(u16) -> [u8; 2]| "{}".encode_utf16().flat_map(order).collect::<Vec<u8>>();
        let utf32 =
            |order: fn(u32) -> [u8; 4]| "{}".chars().flat_map(|one| order(one.into())).collect::<Vec<u8>>();
        for wrong in [
            b"\x1f\x8b\x08\0".to_vec(),
            b"\x28\xb5\x2f\xfd\x04".to_vec(),
            b"\x78\x9c\xab\xae".to_vec(),
            b"\xff\xfe{\0".to_vec(),
            b"\xfe\xff\0{".to_vec(),
            utf16(u16::to_le_bytes),
            utf16(u16::to_be_bytes),
            utf32(u32::to_le_bytes),
            utf32(u32::to_be_bytes),
        ] {
            let error = check_bytes(&wrong).unwrap_err();
            assert_eq!(error.code, ErrorCode::UnsupportedMediaType, "{wrong:?}");
        }
        for good in [&b""[..], b"{", b"{}", b"\xef\xbb\xbf{}", b"\xff", b"\0", b"x{"] {
            assert!(check_bytes(good).is_ok(), "{good:?}");
        }
    }
}
