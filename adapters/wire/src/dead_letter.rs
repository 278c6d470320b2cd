use std::collections::BTreeMap;
use std::fmt::Write;

use keeper_domain::{
    Coverage, DeadLetter, DeadLetterId, DeadLetterList, DeadLetterReason, DeadLettersTaken, Invalid,
    Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::body::{self, BodyError};

/// A message that could not be processed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "DeadLetter"))]
pub struct DeadLetterBody {
    /// Its name, derived from what it is.
    pub id: String,
    /// Why it is here: unreadable, invalid, unidentified, conflict, rejected or undeliverable.
    pub reason: String,
    /// What exactly is wrong; empty when nobody knows.
    pub detail: String,
    /// When it first came to the dead letters: RFC 3339, UTC, milliseconds.
    pub first_seen: String,
    /// The order id that it claims, if it has one.
    pub order_id: Option<String>,
    /// The headers it came with, as text.
    pub headers: BTreeMap<String, String>,
    /// Its body; what is not UTF-8 in it is replaced.
    pub body: String,
    /// The bytes of a body that is not UTF-8, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_hex: Option<String>,
}

impl From<DeadLetter> for DeadLetterBody {
    fn from(letter: DeadLetter) -> Self {
        let hex = || {
            letter.body.iter().fold(String::with_capacity(2 * letter.body.len()), |mut hex, byte| {
                // Writing to memory cannot fail.
                let _ = write!(hex, "{byte:02x}");
                hex
            })
        };
        Self {
            id: letter.id.to_string(),
            reason: letter.reason.as_str().to_owned(),
            first_seen: letter.first_seen.to_string(),
            body: String::from_utf8_lossy(&letter.body).into_owned(),
            body_hex: std::str::from_utf8(&letter.body).is_err().then(hex),
            detail: letter.detail,
            order_id: letter.order_id,
            headers: letter.headers.into_iter().collect(),
        }
    }
}

impl TryFrom<DeadLetterBody> for DeadLetter {
    type Error = Invalid;

    fn try_from(body: DeadLetterBody) -> Result<Self, Invalid> {
        let bytes = match &body.body_hex {
            None => body.body.into_bytes(),
            Some(hex) => bytes(hex).ok_or_else(|| Invalid::new("body_hex", "must be hexadecimal digits"))?,
        };
        Ok(Self {
            id: DeadLetterId::parse("id", &body.id)?,
            reason: DeadLetterReason::from_store(&body.reason),
            detail: body.detail,
            first_seen: Timestamp::parse("first_seen", &body.first_seen)?,
            order_id: body.order_id,
            headers: body.headers.into_iter().collect(),
            body: bytes,
        })
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    if !hex.len().is_multiple_of(2) || !hex.is_ascii() {
        return None;
    }
    // It takes a sign, too.
    if hex.contains('+') {
        return None;
    }
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect()
}

/// Dead letters that were looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "DeadLetters"))]
pub struct DeadLetterListBody {
    /// Those that were found, oldest first.
    pub dead_letters: Vec<DeadLetterBody>,
    /// So many could be looked at.
    pub seen: u64,
    /// So many there are.
    pub total: u64,
}

impl From<DeadLetterList> for DeadLetterListBody {
    fn from(list: DeadLetterList) -> Self {
        let DeadLetterList { letters, coverage: Coverage { seen, total } } = list;
        Self { dead_letters: letters.into_iter().map(DeadLetterBody::from).collect(), seen, total }
    }
}

impl TryFrom<DeadLetterListBody> for DeadLetterList {
    type Error = Invalid;

    fn try_from(body: DeadLetterListBody) -> Result<Self, Invalid> {
        let DeadLetterListBody { dead_letters, seen, total } = body;
        let letters = dead_letters.into_iter().map(DeadLetter::try_from).collect::<Result<_, _>>()?;
        Ok(Self { letters, coverage: Coverage { seen, total } })
    }
}

/// Which dead letters are to be put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Replay"))]
pub struct ReplayFields {
    /// Only those that are there for this reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Deserialize)]
struct RawReplay<'a> {
    #[serde(borrow)]
    reason: Option<&'a RawValue>,
}

impl ReplayFields {
    /// Reads and checks a body.
    ///
    /// # Errors
    /// It is not a JSON object, or names a reason that there is not.
    pub fn parse(bytes: &[u8]) -> Result<Option<DeadLetterReason>, BodyError> {
        let raw: RawReplay<'_> = body::object(bytes)?;
        let Some(reason) = body::optional_text("reason", raw.reason)? else { return Ok(None) };
        let known = DeadLetterReason::ALL.map(DeadLetterReason::as_str).join(", ");
        let unknown = || Invalid::new("reason", format!("must be one of {known}"));
        Ok(Some(DeadLetterReason::parse(&reason).ok_or_else(unknown)?))
    }
}

/// Dead letters that were put back, or thrown away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "DeadLettersTaken"))]
pub struct DeadLettersTakenBody {
    /// So many they were.
    pub count: u64,
    /// So many could be looked at.
    pub seen: u64,
    /// So many there were.
    pub total: u64,
}

impl From<DeadLettersTaken> for DeadLettersTakenBody {
    fn from(taken: DeadLettersTaken) -> Self {
        let DeadLettersTaken { count, coverage: Coverage { seen, total } } = taken;
        Self { count, seen, total }
    }
}

impl From<DeadLettersTakenBody> for DeadLettersTaken {
    fn from(body: DeadLettersTakenBody) -> Self {
        let DeadLettersTakenBody { count, seen, total } = body;
        Self { count, coverage: Coverage { seen, total } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_letter_comes_back_as_it_was_whatever_its_bytes() {
        for body in [&b"{}"[..], "\u{1b}[31m ключ".as_bytes(), &[0, 0xff, b'{', 0x80]] {
            let letter = DeadLetter {
                id: DeadLetterId::derive(Some("m"), body),
                reason: DeadLetterReason::Unreadable,
                detail: "line 1".into(),
                first_seen: Timestamp::from_millis(1_700_000_000_123).unwrap(),
                order_id: Some("m".into()),
                headers: vec![("a".into(), "1".into()), ("b".into(), "\"2\"".into())],
                body: body.to_vec(),
            };
            let list = DeadLetterList { letters: vec![letter], coverage: Coverage { seen: 1, total: 7 } };
            let json = serde_json::to_string(&DeadLetterListBody::from(list.clone())).unwrap();
            let read: DeadLetterListBody = serde_json::from_str(&json).unwrap();
            assert_eq!(DeadLetterList::try_from(read).unwrap(), list);
        }
    }

    #[test]
    fn bytes_that_are_none_are_refused() {
        for hex in ["0", "0g", "+1", "é0"] {
            assert_eq!(bytes(hex), None, "{hex}");
        }
    }
}
