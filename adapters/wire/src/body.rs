//! Reading what a client sent, so that every mistake is named by its field.
//!
//! serde's own errors name a line and a column, not a field, and a number would pass through a float. So an object's
//! fields are first taken as they are written, and then read one by one.

use std::borrow::Cow;

use keeper_domain::Invalid;
use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::number;

/// Why a body is not what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BodyError {
    /// It is not a JSON object at all. The text says where it breaks.
    #[error("{0}")]
    Unreadable(String),
    /// A field is missing, of the wrong type, or breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

/// A field's value as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar<'a> {
    /// A JSON string, unescaped.
    Text(Cow<'a, str>),
    /// A JSON number, digit for digit.
    Number(&'a str),
}

/// Some programs begin a text with it; it says nothing about UTF-8 (RFC 8259, 8.1).
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads a JSON object. Fields that `T` does not know are passed over, as is a byte order mark.
///
/// # Errors
/// The bytes are not UTF-8, not JSON, or not an object.
pub fn object<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, BodyError> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    // serde does not look at the text of fields that nobody takes.
    let text = std::str::from_utf8(bytes)
        .map_err(|error| BodyError::Unreadable(format!("the body is not UTF-8: {error}")))?;
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => return Err(BodyError::Unreadable("the body is empty; it must be a JSON object".into())),
        // serde would also fill a struct from an array.
        Some(b'[' | b'"' | b'0'..=b'9' | b'-' | b't' | b'f' | b'n') => {
            // A broken body is reported as such first.
            serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|error| unreadable(&error))?;
            return Err(BodyError::Unreadable("the body must be a JSON object".into()));
        }
        Some(_) => {}
    }
    serde_json::from_str(text).map_err(|error| unreadable(&error))
}

fn unreadable(error: &serde_json::Error) -> BodyError {
    BodyError::Unreadable(format!("the body is not valid JSON: {error}"))
}

/// Reads a field that must be text.
///
/// # Errors
/// It is missing, null, or anything but a string.
pub fn text<'a>(field: &'static str, raw: Option<&'a RawValue>) -> Result<Cow<'a, str>, Invalid> {
    optional_text(field, raw)?.ok_or_else(|| Invalid::new(field, "must be given, as text"))
}

/// Reads a field that is text where it is there; null is the same as absent.
///
/// # Errors
/// It is anything but a string.
pub fn optional_text<'a>(
    field: &'static str,
    raw: Option<&'a RawValue>,
) -> Result<Option<Cow<'a, str>>, Invalid> {
    match raw.map(|raw| scalar(field, raw)).transpose() {
        Ok(Some(Scalar::Text(text))) => Ok(Some(text)),
        Ok(None) => Ok(None),
        Ok(Some(Scalar::Number(_))) | Err(_) => Err(Invalid::new(field, "must be text")),
    }
}

/// Reads a field that may be text, as it is written, or a number, by its exact value: `2.5E+2` is `250`. A number that
/// is too long to be written out stays as it is: no field takes one.
///
/// # Errors
/// It is missing, null, or neither.
pub fn text_or_number<'a>(field: &'static str, raw: Option<&'a RawValue>) -> Result<Cow<'a, str>, Invalid> {
    Ok(match given(field, raw)? {
        Scalar::Text(text) => text,
        Scalar::Number(literal) => number::plain(literal).unwrap_or(Cow::Borrowed(literal)),
    })
}

/// Reads a field that may be text, as it is written, or a whole number, by its exact value: `20.0` is `20`.
///
/// # Errors
/// It is missing, null, neither, or a number with decimals or with more digits than any field takes.
pub fn text_or_whole<'a>(field: &'static str, raw: Option<&'a RawValue>) -> Result<Cow<'a, str>, Invalid> {
    match given(field, raw)? {
        Scalar::Text(text) => Ok(text),
        Scalar::Number(literal) => number::plain(literal)
            .filter(|plain| !plain.contains('.'))
            .ok_or_else(|| Invalid::new(field, "must be text, or a whole number of at most 64 digits")),
    }
}

fn given<'a>(field: &'static str, raw: Option<&'a RawValue>) -> Result<Scalar<'a>, Invalid> {
    let raw = raw.ok_or_else(|| Invalid::new(field, "must be given, as text or a number"))?;
    scalar(field, raw)
}

fn scalar<'a>(field: &'static str, raw: &'a RawValue) -> Result<Scalar<'a>, Invalid> {
    match raw.get().as_bytes() {
        [b'"', inner @ .., b'"'] if !inner.contains(&b'\\') => {
            Ok(Scalar::Text(Cow::Borrowed(&raw.get()[1..raw.get().len() - 1])))
        }
        [b'"', ..] => serde_json::from_str(raw.get())
            .map(|text: String| Scalar::Text(Cow::Owned(text)))
            .map_err(|_| Invalid::new(field, "must be valid Unicode text")),
        [b'-' | b'0'..=b'9', ..] => Ok(Scalar::Number(raw.get())),
        _ => Err(Invalid::new(field, "must be text or a number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct One<'a> {
        #[serde(borrow, default)]
        a: Option<&'a RawValue>,
    }

    fn value(json: &str) -> Result<String, Invalid> {
        let body = json.as_bytes();
        text_or_number("a", object::<One<'_>>(body).unwrap().a).map(Cow::into_owned)
    }

    #[test]
    fn text_is_taken_as_written_and_a_number_by_its_value() {
        for (json, expected) in [
            (r#"{"a":"x\n\u00e9"}"#, "x\né"),
            (r#"{"a":"180.50"}"#, "180.50"),
            (r#"{"a":180.50}"#, "180.5"),
            ("\u{feff}{\"a\":1}", "1"),
            (r#"{"a":99999999999999999999}"#, "99999999999999999999"),
            (r#"{"a": -1e3 , "b": [1]}"#, "-1000"),
            (r#"{"a":1E999999999}"#, "1E999999999"),
        ] {
            assert_eq!(value(json).unwrap(), expected);
        }
    }

    #[test]
    fn anything_else_is_named_by_its_field() {
        for json in
            [r"{}", r#"{"a":null}"#, r#"{"a":true}"#, r#"{"a":{}}"#, r#"{"a":[]}"#, r#"{"a":"\ud800"}"#]
        {
            assert_eq!(value(json).unwrap_err().field(), "a", "{json}");
        }
        assert_eq!(
            text("a", object::<One<'_>>(br#"{"a":5}"#).unwrap().a).unwrap_err().to_string(),
            "a must be text"
        );
    }

    #[test]
    fn what_is_not_an_object_is_unreadable() {
        for bytes in [
            &b""[..],
            b" ",
            b"{",
            b"[1]",
            b"[1",
            b"\"a\"",
            b"5",
            b"null",
            b"{\"a\":NaN}",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":1,\"b\":\"\xff\"}",
            b"a=1",
            b"\xef\xbb\xbf",
            b"\xef\xbb\xbf\xef\xbb\xbf{}",
            b"{}\xef\xbb\xbf",
        ] {
            assert!(matches!(object::<One<'_>>(bytes), Err(BodyError::Unreadable(_))), "{bytes:?}");
        }
    }
}
