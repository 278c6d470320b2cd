//! Reading a dead letter: what we wrote on it, or what the broker did.

use keeper_domain::{DeadLetter, DeadLetterId, DeadLetterReason, Timestamp};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, ShortString};
use serde_json::Value;
use uuid::Uuid;

use super::message::{self, DETAIL, REASON, header, original_headers};

/// The name of a dead letter.
pub(crate) fn id(properties: &BasicProperties, body: &[u8]) -> DeadLetterId {
    DeadLetterId::derive(properties.message_id().as_ref().map(ShortString::as_str), body)
}

/// Why a message is among the dead letters: what we wrote on it; else the broker moved it.
pub(crate) fn reason(properties: &BasicProperties) -> DeadLetterReason {
    own_reason(properties).unwrap_or(DeadLetterReason::Undeliverable)
}

fn own_reason(properties: &BasicProperties) -> Option<DeadLetterReason> {
    header(properties, REASON).map(|reason| DeadLetterReason::from_store(&reason))
}

/// Reads a message as a dead letter.
pub(crate) fn read(properties: &BasicProperties, body: Vec<u8>) -> DeadLetter {
    let ours = own_reason(properties);
    let death = Death::read(properties);
    let detail = match (ours, &death) {
        (Some(_), _) => header(properties, DETAIL).unwrap_or_default().into_owned(),
        (None, Some(death)) => death.detail.clone(),
        (None, None) => String::new(),
    };
    DeadLetter {
        id: id(properties, &body),
        reason: reason(properties),
        detail,
        first_seen: first_seen(properties),
        order_id: order_id(properties, &body),
        headers: headers(properties),
        body,
    }
}

/// When a message first came to the dead letters, as far as it says.
pub(crate) fn first_seen(properties: &BasicProperties) -> Timestamp {
    message::first_seen(properties)
        .or_else(|| Death::read(properties).and_then(|death| death.at))
        .or_else(|| message::published_at(properties))
        .unwrap_or_else(|| Timestamp::from(chrono::DateTime::UNIX_EPOCH))
}

/// What the broker says of a message that it moved itself.
struct Death {
    detail: String,
    at: Option<Timestamp>,
}

impl Death {
    fn read(properties: &BasicProperties) -> Option<Self> {
        let AMQPValue::FieldArray(deaths) = properties.headers().as_ref()?.inner().get("x-death")? else {
            return None;
        };
        let AMQPValue::FieldTable(death) = deaths.as_slice().first()? else { return None };
        let reason = death.inner().get("reason").map(plain).unwrap_or_default();
        let detail = match reason.as_str() {
            "delivery_limit" => "it was delivered again and again and never settled".to_owned(),
            reason => format!("the broker moved it: {reason}"),
        };
        let at = match death.inner().get("time") {
            Some(AMQPValue::Timestamp(seconds)) => i64::try_from(*seconds).ok(),
            _ => None,
        };
        let at = at.and_then(|seconds| Timestamp::from_millis(seconds.checked_mul(1_000)?).ok());
        Some(Self { detail, at })
    }
}

/// The order id that a message claims, in whichever way it can.
fn order_id(properties: &BasicProperties, body: &[u8]) -> Option<String> {
    let body: Option<Value> = serde_json::from_slice(body).ok();
    let claimed = body.as_ref().and_then(|body| body.get("order_id")).and_then(Value::as_str);
    let message_id = properties.message_id().as_ref().map(ShortString::as_str);
    let message_id = message_id.filter(|id| Uuid::try_parse(id).is_ok());
    claimed.or(message_id).map(ToOwned::to_owned)
}

fn headers(properties: &BasicProperties) -> Vec<(String, String)> {
    original_headers(properties).map(|(key, value)| (key.to_string(), plain(value))).collect()
}

/// A header's value as text.
fn plain(value: &AMQPValue) -> String {
    match value {
        AMQPValue::LongString(text) => text.to_string(),
        AMQPValue::ShortString(text) => text.to_string(),
        AMQPValue::Boolean(value) => value.to_string(),
        AMQPValue::LongInt(value) => value.to_string(),
        AMQPValue::LongUInt(value) => value.to_string(),
        AMQPValue::LongLongInt(value) => value.to_string(),
        AMQPValue::Timestamp(value) => value.to_string(),
        other => format!("{other:?}"),
    }
}
