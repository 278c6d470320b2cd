use std::borrow::Cow;

use keeper_domain::{
    Invalid, ItemCount, Money, Order, OrderDraft, OrderId, RecordedOrder, Timestamp, UserId,
};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::body::{self, BodyError};

/// An order to be placed. Each field may be text or a number; a number counts by its exact value, however it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "NewOrder", example = "OrderFields::example"))]
pub struct OrderFields {
    /// Who orders: 1 to 64 characters after trimming.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::user"))]
    pub user_id: String,
    /// How many items: 1 to 1,000,000.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::items"))]
    pub number_of_items: String,
    /// For how much altogether: 0.00 to 9,999,999,999.99, at most two decimals.
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::amount"))]
    pub total_amount: String,
}

impl OrderFields {
    #[cfg(any(test, feature = "schema"))]
    fn example() -> Self {
        Self { user_id: "20".into(), number_of_items: "99".into(), total_amount: "250.00".into() }
    }

    /// Reads and checks a body.
    ///
    /// # Errors
    /// It is not a JSON object, or one of its fields is missing or breaks a rule.
    pub fn parse(bytes: &[u8]) -> Result<OrderDraft, BodyError> {
        let raw: RawOrder<'_> = body::object(bytes)?;
        Ok(raw.draft()?)
    }
}

/// The three fields of an order as they are written, in a request or in a message of the queue.
#[derive(Deserialize)]
pub(crate) struct RawOrder<'a> {
    #[serde(borrow, default)]
    pub(crate) user_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) number_of_items: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(crate) total_amount: Option<&'a RawValue>,
}

impl RawOrder<'_> {
    pub(crate) fn draft(&self) -> Result<OrderDraft, Invalid> {
        Ok(OrderDraft {
            user: UserId::new(&body::text_or_whole("user_id", self.user_id)?)?,
            items: ItemCount::parse(&body::text_or_number("number_of_items", self.number_of_items)?)?,
            total: Money::parse("total_amount", &body::text_or_number("total_amount", self.total_amount)?)?,
        })
    }
}

/// The answer to an order that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "AcceptedOrder", example = "AcceptedBody::example"))]
pub struct AcceptedBody {
    /// A sentence, for people.
    pub message: Cow<'static, str>,
    /// The order's identity, under which it can be read as soon as it is recorded.
    pub order_id: String,
}

impl AcceptedBody {
    #[cfg(any(test, feature = "schema"))]
    fn example() -> Self {
        let id = OrderBody::example().order_id;
        Self { message: Self::MESSAGE.into(), order_id: id }
    }

    const MESSAGE: &str = "Order has been queued for processing";
}

impl From<&Order> for AcceptedBody {
    fn from(order: &Order) -> Self {
        Self { message: Self::MESSAGE.into(), order_id: order.id.to_string() }
    }
}

/// A recorded order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Order", example = "OrderBody::example"))]
pub struct OrderBody {
    /// The order's identity, a UUID.
    pub order_id: String,
    /// Who ordered.
    pub user_id: String,
    /// How many items.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1_000_000)))]
    pub number_of_items: u32,
    /// For how much altogether, with two decimals; text, since it is exact.
    pub total_amount: String,
    /// What became of the order.
    #[serde(deserialize_with = "recorded")]
    pub status: OrderStatus,
    /// When the order was accepted: RFC 3339, UTC, milliseconds.
    #[serde(rename = "createdAt")]
    pub created_at: String,
    /// When the order was recorded: RFC 3339, UTC, milliseconds.
    #[serde(rename = "recordedAt")]
    pub recorded_at: String,
}

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// It is in the ledger.
    Recorded,
}

/// An order that has a time of recording is recorded, whatever a newer service calls what became of it since.
fn recorded<'de, D: Deserializer<'de>>(status: D) -> Result<OrderStatus, D::Error> {
    IgnoredAny::deserialize(status).map(|_| OrderStatus::Recorded)
}

impl OrderBody {
    #[cfg(any(test, feature = "schema"))]
    fn example() -> Self {
        Self {
            order_id: "019a2f5e-7c1b-7d3a-9e4f-0123456789ab".into(),
            user_id: "20".into(),
            number_of_items: 99,
            total_amount: "250.00".into(),
            status: OrderStatus::Recorded,
            created_at: "2026-01-31T09:30:00.000Z".into(),
            recorded_at: "2026-01-31T09:30:00.012Z".into(),
        }
    }
}

impl From<RecordedOrder> for OrderBody {
    fn from(RecordedOrder { order, recorded_at }: RecordedOrder) -> Self {
        Self {
            order_id: order.id.to_string(),
            user_id: order.draft.user.as_str().to_owned(),
            number_of_items: order.draft.items.get(),
            total_amount: order.draft.total.to_string(),
            status: OrderStatus::Recorded,
            created_at: order.created_at.to_string(),
            recorded_at: recorded_at.to_string(),
        }
    }
}

impl TryFrom<OrderBody> for RecordedOrder {
    type Error = Invalid;

    fn try_from(body: OrderBody) -> Result<Self, Invalid> {
        let draft = OrderDraft {
            // What the service recorded by rules of another version is an order all the same.
            user: UserId::from_store(&body.user_id)?,
            items: ItemCount::from_store(body.number_of_items),
            total: Money::parse_stored("total_amount", &body.total_amount)?,
        };
        let id = OrderId::parse("order_id", &body.order_id)?;
        let created_at = Timestamp::parse("createdAt", &body.created_at)?;
        let recorded_at = Timestamp::parse("recordedAt", &body.recorded_at)?;
        Ok(Self { order: Order { id, draft, created_at }, recorded_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_numbers_mean_the_same() {
        let text =
            OrderFields::parse(br#"{"user_id":"20","number_of_items":"99","total_amount":"250.5"}"#).unwrap();
        let numbers =
            OrderFields::parse(br#"{"user_id":20,"number_of_items":99,"total_amount":250.50}"#).unwrap();
        assert_eq!(text, numbers);
        assert_eq!(text.total.to_string(), "250.50");
    }

    #[test]
    fn a_wrong_field_is_named() {
        let good = [("user_id", "\"20\""), ("number_of_items", "1"), ("total_amount", "\"1.00\"")];
        let nobody = ["null", "true", "{}", "[]", "\"\"", "20.5", "1e-400", "1e400", "1E999999999"];
        let no_number = ["-1", "NaN", "1.234", "1.005", "\"1e1\"", "\"1,000.00\"", "99999999999999999999"];
        for at in 0..good.len() {
            // Half an item is none, and any other text is the name of a user.
            let more: &[&str] = [&[][..], &no_number, &no_number][at];
            let nobody = &nobody[..];
            for &value in nobody.iter().chain(more).filter(|value| at < 2 || **value != "20.5") {
                let fields: Vec<_> = (0..good.len())
                    .map(|field| {
                        format!("\"{}\":{}", good[field].0, if field == at { value } else { good[field].1 })
                    })
                    .collect();
                let body = format!("{{{}}}", fields.join(","));
                match OrderFields::parse(body.as_bytes()).unwrap_err() {
                    BodyError::Invalid(invalid) => assert_eq!(invalid.field(), good[at].0, "{body}"),
                    BodyError::Unreadable(_) => assert_eq!(value, "NaN", "{body}"),
                }
            }
        }
    }

    #[test]
    fn a_number_is_taken_by_its_value() {
        let plain =
            OrderFields::parse(br#"{"user_id":"20","number_of_items":"99","total_amount":"250"}"#).unwrap();
        for numbers in [
            r#"{"user_id":20.0,"number_of_items":99.0,"total_amount":250.000}"#,
            r#"{"user_id":2E1,"number_of_items":9.9e1,"total_amount":2.5E+2}"#,
            r#"{"user_id":200e-1,"number_of_items":0.99e+02,"total_amount":25000.0E-2}"#,
        ] {
            assert_eq!(OrderFields::parse(numbers.as_bytes()).unwrap(), plain, "{numbers}");
        }
        let nothing =
            OrderFields::parse(br#"{"user_id":-0,"number_of_items":1,"total_amount":0.0e5}"#).unwrap();
        assert_eq!((nothing.user.as_str(), nothing.total.as_minor()), ("0", 0));
        // Text is no number.
        let text =
            OrderFields::parse(br#"{"user_id":"20.0","number_of_items":1,"total_amount":-0}"#).unwrap();
        assert_eq!(text.user.as_str(), "20.0");
    }

    #[test]
    fn an_order_comes_back_as_it_went() {
        let order = RecordedOrder::try_from(OrderBody::example()).unwrap();
        assert_eq!(OrderBody::from(order), OrderBody::example());
    }
}
