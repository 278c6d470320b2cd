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
    let kind = types.next().and_then(|kind| kind.parse().ok()).filter(|_| types.next().is_none());
    match kind {
        Some(kind) if is_json(&kind) => check_charset(&kind)?,
        _ => return Err(refused("the body must be JSON, with one header Content-Type: application/json")),
    }
    let plain = |coding: &str| coding.trim().is_empty() || coding.trim().eq_ignore_ascii_case("identity");
    if codings.flat_map(|line| line.split(',')).all(plain) {
        return Ok(());
    }
    let message = "the body must not be compressed; send it without the header Content-Encoding";
    // So that a client that compresses by itself knows (RFC 9110, 12.5.3).
    Err(ApiError { headers: vec![Header::new("Accept-Encoding", "identity")], ..refused(message) })
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

fn refused(message: &'static str) -> ApiError {
    ApiError::new(ErrorCode::UnsupportedMediaType, message)
}
