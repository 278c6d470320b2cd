//! The message of the order queue.

use std::borrow::Cow;

use keeper_domain::{DeadLetterReason, Order, OrderId, Refusal, Timestamp};
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

/// A message as a queue delivers it.
#[derive(Debug, Clone, Copy)]
pub struct QueuedMessage<'a> {
    /// The queue's identity of the message (the message id of AMQP), if it has one.
    pub message_id: Option<&'a str>,
    /// When it was published, if the queue says so.
    pub published_at: Option<Timestamp>,
    /// Its bytes.
    pub body: &'a [u8],
}

impl QueuedMessage<'_> {
    /// Reads the order. The id in the body identifies it, else the message id ([`OrderId::of_message`]). It was accepted when
    /// the body says, else when the message was published, else when it was `received`.
    ///
    /// # Errors
    /// The message can never be processed as it is. One that lacks nothing but an identity is
    /// [`DeadLetterReason::Unidentified`].
    pub fn order(&self, received: Timestamp) -> Result<Order, Refusal> {
        let RawMessage { user_id, number_of_items, total_amount, order_id, created_at } =
            body::object(self.body)?;
        let id = optional("order_id", order_id, |text| OrderId::parse("order_id", text))?;
        let created_at = optional("createdAt", created_at, |text| Timestamp::parse("createdAt", text))?;
        let draft = RawOrder { user_id, number_of_items, total_amount }.draft().map_err(BodyError::from)?;
        let message_id = || OrderId::of_message(self.message_id?, self.body);
        let Some(id) = id.or_else(message_id) else {
            let detail = "it has neither an order_id nor a message id: a replay gives it one";
            return Err(Refusal::new(DeadLetterReason::Unidentified, detail));
        };
        Ok(Order { id, draft, created_at: created_at.or(self.published_at).unwrap_or(received) })
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

    const BODY: &[u8] = br#"{"user_id":"3","number_of_items":"5","total_amount":"180"}"#;

    fn moment(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis).unwrap()
    }

    fn read(message_id: Option<&str>, published_at: Option<i64>, body: &[u8]) -> Result<Order, Refusal> {
        QueuedMessage { message_id, published_at: published_at.map(moment), body }.order(moment(9_000))
    }

    #[test]
    fn an_order_comes_back_as_it_went() {
        let draft =
            read(Some("m"), None, br#"{"user_id":"2\"0","number_of_items":"1","total_amount":"180.5"}"#);
        let id = OrderId::parse("order_id", ID).unwrap();
        let order = Order { id, draft: draft.unwrap().draft, created_at: moment(1_234) };
        assert_eq!(read(Some("other"), Some(5_000), &OrderMessage::encode(&order)), Ok(order));
    }

    #[test]
    fn a_message_id_identifies_an_order_whose_body_does_not() {
        let order = read(Some(ID), Some(5_000), BODY).unwrap();
        assert_eq!((order.id.to_string().as_str(), order.created_at.as_millis()), (ID, 5_000));
        let named = |name: &str| read(Some(name), None, BODY).unwrap();
        assert_eq!(named("order-7"), named("order-7"));
        assert_ne!(named("order-7").id, named("order-8").id);
        assert_eq!(named("order-7").created_at, moment(9_000));
    }

    #[test]
    fn a_message_of_the_original_publisher_lacks_an_identity() {
        for message_id in [None, Some("")] {
            assert_eq!(read(message_id, None, BODY).unwrap_err().reason, DeadLetterReason::Unidentified);
        }
    }

    #[test]
    fn numbers_count_by_their_value() {
        let numbers = br#"{"user_id":3.0,"number_of_items":5.00,"total_amount":1.8E+2}"#;
        assert_eq!(read(Some(ID), None, numbers), read(Some(ID), None, BODY));
    }

    #[test]
    fn a_broken_message_says_why() {
        for (body, reason) in [
            (&b"\xff"[..], DeadLetterReason::Unreadable),
            (b"", DeadLetterReason::Unreadable),
            (b"[]", DeadLetterReason::Unreadable),
            (b"{}", DeadLetterReason::Invalid),
            (br#"{"user_id":"3","number_of_items":"0","total_amount":"1"}"#, DeadLetterReason::Invalid),
            (br#"{"user_id":"3","number_of_items":1,"total_amount":1.005}"#, DeadLetterReason::Invalid),
            (br#"{"user_id":3.5,"number_of_items":1,"total_amount":1}"#, DeadLetterReason::Invalid),
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
            assert_eq!(read(None, None, body).unwrap_err().reason, reason, "{body:?}");
        }
    }
}
