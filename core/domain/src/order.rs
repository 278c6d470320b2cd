use std::fmt;

use uuid::Uuid;

use crate::{DeadLetterReason, IdempotencyKey, Invalid, Money, Refusal, Timestamp, UserId};

/// The namespace (RFC 9562, version 5) of order ids that are derived from idempotency keys. It never changes: the
/// same key must give the same order for ever.
const IDEMPOTENT_ORDERS: Uuid = Uuid::from_u128(0x6f0c_5f2e_93d1_4a57_8a35_c1b7_20c6_9d3e);

/// The namespace of order ids that are derived from the names that other systems give their messages. It never changes: a
/// message that is delivered again must give the same order.
const NAMED_MESSAGES: Uuid = Uuid::from_u128(0x51d8_0c3e_77b4_4d0a_9f26_d9a1_4be3_0a6f);

/// The identity of an order: a UUID, by which it is recorded at most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(Uuid);

impl OrderId {
    /// Takes a UUID of any version.
    pub fn new(id: Uuid) -> Self {
        Self(id)
    }

    /// Derives the id that a user's idempotency key always gives.
    pub fn derive(user: &UserId, key: &IdempotencyKey) -> Self {
        Self::of_key(user.as_str(), key)
    }

    /// Derives the id that the version 0.1 gave, which took a user as it was written; `None` where that is the same.
    pub fn derive_as_written(user: &UserId, key: &IdempotencyKey) -> Option<Self> {
        (user.as_written() != user.as_str()).then(|| Self::of_key(user.as_written(), key))
    }

    fn of_key(user: &str, key: &IdempotencyKey) -> Self {
        // The length keeps ("ab", "c") and ("a", "bc") apart.
        let name = format!("{}:{user}{}", user.len(), key.as_str());
        Self(Uuid::new_v5(&IDEMPOTENT_ORDERS, name.as_bytes()))
    }

    /// Takes the name of a message that carries an order for its identity: as it is where it is a UUID; otherwise an id
    /// is derived from it and the message's bytes, which is always the same. `None` for an empty name. What a message
    /// says cannot identify it: two customers' equal orders are two orders.
    pub fn of_message(name: &str, body: &[u8]) -> Option<Self> {
        if name.is_empty() {
            return None;
        }
        Some(Self(Uuid::try_parse(name).unwrap_or_else(|_| {
            let mut named = format!("{}:{name}", name.len()).into_bytes();
            named.extend_from_slice(body);
            Uuid::new_v5(&NAMED_MESSAGES, &named)
        })))
    }

    /// Reads the hyphenated form, 36 characters.
    ///
    /// # Errors
    /// The text is not a UUID in that form.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new(field, "must be a UUID such as 019a2f5e-7c1b-7d3a-9e4f-0123456789ab");
        // Uuid also reads the URN, braced and simple forms, which are no addresses of an order.
        if text.len() != 36 {
            return Err(wrong());
        }
        Uuid::try_parse(text).map(Self).map_err(|_| wrong())
    }

    /// The UUID.
    pub fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// How many items an order has: 1 to 1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ItemCount(u32);

impl ItemCount {
    /// The most items of one order.
    pub const MAX: u32 = 1_000_000;

    /// Takes a number.
    ///
    /// # Errors
    /// The number is 0 or above [`Self::MAX`].
    pub fn new(count: u32) -> Result<Self, Invalid> {
        if (1..=Self::MAX).contains(&count) { Ok(Self(count)) } else { Err(Self::wrong()) }
    }

    /// Takes a number that was checked when its order was recorded, by whatever rules.
    pub fn from_store(count: u32) -> Self {
        Self(count)
    }

    /// Reads decimal digits.
    ///
    /// # Errors
    /// The text is not a whole number from 1 to [`Self::MAX`].
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Self::wrong());
        }
        text.parse().map_err(|_| Self::wrong()).and_then(Self::new)
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }

    fn wrong() -> Invalid {
        Invalid::new("number_of_items", format!("must be a whole number from 1 to {}", Self::MAX))
    }
}

/// What a client asks for: an order that has no identity yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderDraft {
    /// Who orders.
    pub user: UserId,
    /// How many items.
    pub items: ItemCount,
    /// For how much altogether.
    pub total: Money,
}

/// An order that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its identity.
    pub id: OrderId,
    /// What was asked for.
    pub draft: OrderDraft,
    /// When it was accepted.
    pub created_at: Timestamp,
}

impl Order {
    /// Says whether this is the other order again. The time of acceptance does not count: a client that repeats an
    /// order does so later.
    pub fn repeats(&self, other: &Self) -> bool {
        self.id == other.id && self.draft == other.draft
    }
}

/// An order of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedOrder {
    /// The order as it was first recorded.
    pub order: Order,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// What became of an order that was handed to the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recording {
    /// It is in the ledger, by this call.
    Recorded,
    /// It was in the ledger already, with the same content.
    AlreadyRecorded,
    /// Its id is in the ledger with other content, which stays as it is.
    Conflict,
    /// The same, and another order that contradicts it is kept already: this one is counted.
    FurtherConflict,
    /// The ledger refuses this order, now and at any later time. The text says why, for operators.
    Rejected(String),
    /// It cannot be handled, and was tried often enough. The text says why, for operators.
    GivenUp(String),
}

impl Recording {
    /// Why the order's message goes to the dead letters, if it does.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Recorded | Self::AlreadyRecorded | Self::FurtherConflict => None,
            Self::Conflict => {
                let detail = "an order with this id is recorded already, with other content";
                Some(Refusal::new(DeadLetterReason::Conflict, detail))
            }
            Self::Rejected(detail) => Some(Refusal::new(DeadLetterReason::Rejected, detail.clone())),
            Self::GivenUp(detail) => Some(Refusal::new(DeadLetterReason::Undeliverable, detail.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(text: &str) -> UserId {
        UserId::new(text).unwrap()
    }

    fn key(text: &str) -> IdempotencyKey {
        IdempotencyKey::new("key", text).unwrap()
    }

    #[test]
    fn a_key_gives_one_order_per_user_for_ever() {
        let id = OrderId::derive(&user("20"), &key("k1"));
        assert_eq!(id.to_string(), "4cb426f3-71fe-5fe8-91bf-f2f216c21558");
        assert_ne!(id, OrderId::derive(&user("21"), &key("k1")));
        assert_ne!(id, OrderId::derive(&user("20"), &key("k2")));
        assert_ne!(OrderId::derive(&user("ab"), &key("c")), OrderId::derive(&user("a"), &key("bc")));
    }

    #[test]
    fn a_named_message_gives_one_order_for_ever() {
        let id = "019a2f5e-7c1b-7d3a-9e4f-0123456789ab";
        assert_eq!(OrderId::of_message(id, b"{}").unwrap().to_string(), id);
        let named = OrderId::of_message("order-7", b"{}");
        assert_eq!(named.unwrap().to_string(), "d38e207f-9928-55ee-bb32-5b4a46dd0561");
        assert_ne!(named, OrderId::of_message("order-8", b"{}"));
        assert_ne!(named, OrderId::of_message("order-7", b"{ }"));
        assert_ne!(OrderId::of_message("a", b"b{}"), OrderId::of_message("ab", b"{}"));
        assert_eq!(OrderId::of_message("", b"{}"), None);
    }

    #[test]
    fn an_order_id_has_one_form() {
        let id = "019a2f5e-7c1b-7d3a-9e4f-0123456789ab";
        assert_eq!(OrderId::parse("order_id", id).unwrap().to_string(), id);
        for text in ["", "abc", "019a2f5e7c1b7d3a9e4f0123456789ab", "{019a2f5e-7c1b-7d3a-9e4f-0123456789ab}"]
        {
            assert!(OrderId::parse("order_id", text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_user_as_written_had_another_id_before() {
        assert_eq!(OrderId::derive_as_written(&user(" 20 "), &key("k1")), None);
        let (one, two) = (user("Am\u{e9}lie"), user("Ame\u{301}lie"));
        assert_eq!(OrderId::derive(&one, &key("k1")), OrderId::derive(&two, &key("k1")));
        assert_eq!(OrderId::derive_as_written(&one, &key("k1")), None);
        let before = OrderId::derive_as_written(&two, &key("k1")).unwrap();
        assert_eq!(before.to_string(), "e84e64c4-6bbe-5d9e-b531-d8702c7fe358");
    }

    #[test]
    fn an_item_count_is_a_whole_number() {
        assert_eq!(ItemCount::parse("1000000").unwrap().get(), 1_000_000);
        for text in ["", "0", "1000001", "-1", "+1", "1.0", "1e3", "99999999999999999999", "true"] {
            assert_eq!(ItemCount::parse(text).unwrap_err().field(), "number_of_items", "{text:?}");
        }
    }

    #[test]
    fn what_is_not_in_the_ledger_is_refused_for_a_reason() {
        let reason = |recording: Recording| recording.refusal().map(|refusal| refusal.reason);
        assert_eq!(reason(Recording::Recorded), None);
        assert_eq!(reason(Recording::AlreadyRecorded), None);
        assert_eq!(reason(Recording::Conflict), Some(DeadLetterReason::Conflict));
        let refusal = Recording::Rejected("why".into()).refusal().unwrap();
        assert_eq!((refusal.reason, refusal.detail.as_str()), (DeadLetterReason::Rejected, "why"));
        assert_eq!(reason(Recording::GivenUp("why".into())), Some(DeadLetterReason::Undeliverable));
    }

    #[test]
    fn an_order_repeats_another_whatever_the_time() {
        let draft = OrderDraft {
            user: user("20"),
            items: ItemCount::new(1).unwrap(),
            total: Money::parse("total_amount", "1").unwrap(),
        };
        let id = OrderId::derive(&draft.user, &key("k"));
        let first = Order { id, draft, created_at: Timestamp::from_millis(0).unwrap() };
        let mut again = Order { created_at: Timestamp::from_millis(1).unwrap(), ..first.clone() };
        assert!(again.repeats(&first));
        again.draft.items = ItemCount::new(2).unwrap();
        assert!(!again.repeats(&first));
    }
}
