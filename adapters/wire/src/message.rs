//! The message of the order queue.

use std::borrow::Cow;

use keeper_domain::{DeadLetterReason, Order, OrderDraft, OrderId, Refusal, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::body::{self, BodyError};
use crate::order::RawOrder;

/// The content type of every message.
pub const CONTENT_TYPE: &str = "application/json";

/// An order on its way. The first three fields are those of the original publisher's message.
#[derive(Debug, Serialize)]
pub struct OrderMessage<'a> {
    user_id: &'a str,
    number_of_items: u32,
    total_amount: String,
    order_id: String,
    #[serde(rename = "createdAt")]
    created_at: String,
}

impl OrderMessage<'_> {
    /// Writes an order as the JSON body of a message.
    pub fn encode(order: &Order) -> Vec<u8> {
        let message = OrderMessage {
            user_id: order.draft.user.as_str(),
            number_of_items: order.draft.items.get(),
            total_amount: order.draft.total.to_string(),
            order_id: order.id.to_string(),
            created_at: order.created_at.to_string(),
        };
        // Writing text and numbers to memory cannot fail.
        serde_json::to_vec(&message).unwrap_or_default()
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        let reason = match error {
            BodyError::Unreadable(_) => DeadLetterReason::Unreadable,
            BodyError::Invalid(_) => DeadLetterReason::Invalid,
        };
        Self::new(reason, error.to_string())
    }
}

/// What a message says. The original publisher gives an order neither an id nor a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// The order's id, if the message has one.
    pub id: Option<OrderId>,
    /// What was ordered.
    pub draft: OrderDraft,
    /// When the order was accepted, if the message says so.
    pub created_at: Option<Timestamp>,
}

impl Incoming {
    /// Reads the body of a message.
    ///
    /// # Errors
    /// The message can never be processed.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        let RawMessage { user_id, number_of_items, total_amount, order_id, created_at } =
            body::object(bytes)?;
        let id = optional("order_id", order_id, |text| OrderId::parse("order_id", text))?;
        let created_at = optional("createdAt", created_at, |text| Timestamp::parse("createdAt", text))?;
        let draft = RawOrder { user_id, number_of_items, total_amount }.draft().map_err(BodyError::from)?;
        Ok(Self { id, draft, created_at })
    }
}

#[derive(Deserialize)]
struct RawMessage<'a> {
    #[serde(borrow, default)]
    user_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    number_of_items: Option<&'a RawValue>,
    #[serde(borrow, default)]
    total_amount: Option<&'a RawValue>,
    #[serde(borrow, default)]
    order_id: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "createdAt")]
    created_at: Option<&'a RawValue>,
}

fn optional<T>(
    field: &'static str,
    raw: Option<&RawValue>,
    read: impl FnOnce(&str) -> Result<T, keeper_domain::Invalid>,
) -> Result<Option<T>, BodyError> {
    let text: Option<Cow<'_, str>> = body::optional_text(field, raw)?;
    Ok(text.map(|text| read(&text)).transpose()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "019a2f5e-7c1b-7d3a-9e4f-0123456789ab";

    #[test]
    fn an_order_comes_back_as_it_went() {
        let draft = Incoming::decode(br#"{"user_id":"2\"0","number_of_items":"1","total_amount":"180.5"}"#)
            .unwrap()
            .draft;
        let id = OrderId::parse("order_id", ID).unwrap();
        let order = Order { id, draft, created_at: Timestamp::from_millis(1_234).unwrap() };
        let read = Incoming::decode(&OrderMessage::encode(&order)).unwrap();
        assert_eq!(read, Incoming { id: Some(id), draft: order.draft, created_at: Some(order.created_at) });
    }

    #[test]
    fn a_message_of_the_original_publisher_is_understood() {
        let read =
            Incoming::decode(br#"{"user_id":"3","number_of_items":"5","total_amount":"180"}"#).unwrap();
        assert_eq!((read.id, read.created_at, read.draft.total.as_minor()), (None, None, 18_000));
    }

    #[test]
    fn a_broken_message_says_why() {
        for (body, reason) in [
            (&b"\xff"[..], DeadLetterReason::Unreadable),
            (b"", DeadLetterReason::Unreadable),
            (b"[]", DeadLetterReason::Unreadable),
            (b"{}", DeadLetterReason::Invalid),
            (br#"{"user_id":"3","number_of_items":"0","total_amount":"1"}"#, DeadLetterReason::Invalid),
            (
                br#"{"user_id":"3","number_of_items":"1","total_amount":"1","order_id":"x"}"#,
                DeadLetterReason::Invalid,
            ),
            (
                br#"{"user_id":"3","number_of_items":"1","total_amount":"1","order_id":7}"#,
                DeadLetterReason::Invalid,
            ),
            (
                br#"{"user_id":"3","number_of_items":"1","total_amount":"1","createdAt":"x"}"#,
                DeadLetterReason::Invalid,
            ),
        ] {
            assert_eq!(Incoming::decode(body).unwrap_err().reason, reason, "{body:?}");
        }
    }
}
