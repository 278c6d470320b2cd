use std::fmt;

use uuid::Uuid;

use crate::{Invalid, Timestamp};

/// The namespace (RFC 9562, version 5) of dead letter ids.
const DEAD_LETTERS: Uuid = Uuid::from_u128(0x2a4d_7c18_5be0_4f6b_9d02_e3f8_71ac_54b6);

/// The name of a dead letter: derived from what it is, so that the same message always has the same one, whichever
/// process looks at it, and a message that was moved twice is seen to be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeadLetterId(Uuid);

impl DeadLetterId {
    /// Derives the id from the queue's identity of the message, if it has one, and the message's bytes.
    pub fn derive(message_id: Option<&str>, body: &[u8]) -> Self {
        let message_id = message_id.unwrap_or_default();
        let mut name = format!("{}:{message_id}", message_id.len()).into_bytes();
        name.extend_from_slice(body);
        Self(Uuid::new_v5(&DEAD_LETTERS, &name))
    }

    /// Reads the hyphenated form.
    ///
    /// # Errors
    /// The text is not a UUID.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, Invalid> {
        Uuid::try_parse(text).map(Self).map_err(|_| Invalid::new(field, "must be a UUID, as a list shows it"))
    }
}

impl fmt::Display for DeadLetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// Why a message can never be processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeadLetterReason {
    /// It is not even the form of an order.
    Unreadable,
    /// A field is missing or breaks a rule.
    Invalid,
    /// It is a valid order, but nothing tells it from another order with the same content.
    Unidentified,
    /// Its order id is recorded with other content.
    Conflict,
    /// The ledger refuses it.
    Rejected,
    /// It was delivered again and again and never settled: it probably crashes the consumer.
    Undeliverable,
    /// A reason that another version of this program gave.
    Unknown,
}

impl DeadLetterReason {
    /// All reasons that this version gives.
    pub const ALL: [Self; 6] = [
        Self::Unreadable,
        Self::Invalid,
        Self::Unidentified,
        Self::Conflict,
        Self::Rejected,
        Self::Undeliverable,
    ];

    /// The reason as operators and metrics have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Invalid => "invalid",
            Self::Unidentified => "unidentified",
            Self::Conflict => "conflict",
            Self::Rejected => "rejected",
            Self::Undeliverable => "undeliverable",
            Self::Unknown => "unknown",
        }
    }

    /// Reads what another version may have written: a reason that this one does not know is [`Self::Unknown`].
    pub fn from_store(text: &str) -> Self {
        Self::parse(text).unwrap_or(Self::Unknown)
    }

    /// Reads what [`Self::as_str`] writes of a reason that this version gives.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// Why a message goes to the dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The reason, one of a few.
    pub reason: DeadLetterReason,
    /// What exactly is wrong, in words, for operators.
    pub detail: String,
}

impl Refusal {
    /// Names the reason and what exactly is wrong.
    pub fn new(reason: DeadLetterReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// A message that cannot be processed and waits for an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its name.
    pub id: DeadLetterId,
    /// Why it is here.
    pub reason: DeadLetterReason,
    /// What exactly is wrong, in words; empty when nobody knows.
    pub detail: String,
    /// When it first came to the dead letters.
    pub first_seen: Timestamp,
    /// The order id that it claims, if it has one.
    pub order_id: Option<String>,
    /// The headers it came with, as text.
    pub headers: Vec<(String, String)>,
    /// Its bytes, as they came.
    pub body: Vec<u8>,
}

/// Which dead letters to put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeadLetterSelection {
    /// All that are there now.
    All,
    /// Those with these ids.
    Ids(Vec<DeadLetterId>),
    /// Those that are there now for this reason.
    Reason(DeadLetterReason),
}

/// How many of the dead letters a call could look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coverage {
    /// So many it looked at.
    pub seen: u64,
    /// So many there were when it began.
    pub total: u64,
}

impl Coverage {
    /// All that there were.
    pub fn whole(total: u64) -> Self {
        Self { seen: total, total }
    }

    /// It looked at all that there were: what it did not find was not there.
    pub fn is_whole(self) -> bool {
        self.seen >= self.total
    }
}

/// Dead letters that were looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterList {
    /// Those that were found.
    pub letters: Vec<DeadLetter>,
    /// Among how many.
    pub coverage: Coverage,
}

/// Dead letters that were taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadLettersTaken {
    /// How many.
    pub count: u64,
    /// Among how many.
    pub coverage: Coverage,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_message_has_the_same_id_and_another_has_another() {
        let id = DeadLetterId::derive(Some("m1"), b"{}");
        assert_eq!(id, DeadLetterId::derive(Some("m1"), b"{}"));
        assert_ne!(id, DeadLetterId::derive(None, b"{}"));
        assert_ne!(id, DeadLetterId::derive(Some("m1"), b"{ }"));
        assert_ne!(DeadLetterId::derive(Some("a"), b"b"), DeadLetterId::derive(None, b"ab"));
        assert_eq!(DeadLetterId::parse("id", &id.to_string()).unwrap(), id);
        assert!(DeadLetterId::parse("id", "first").is_err());
    }

    #[test]
    fn a_reason_is_read_as_it_is_written() {
        for reason in DeadLetterReason::ALL {
            assert_eq!(DeadLetterReason::parse(reason.as_str()), Some(reason));
        }
        assert_eq!(DeadLetterReason::parse("tired"), None);
        assert_eq!(DeadLetterReason::from_store("tired"), DeadLetterReason::Unknown);
        assert_eq!(DeadLetterReason::from_store("conflict"), DeadLetterReason::Conflict);
    }
}
