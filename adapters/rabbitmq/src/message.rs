//! Messages and their headers: what an order looks like in the queue, and what a dead letter carries.

use std::borrow::Cow;
use std::collections::BTreeMap;

use keeper_domain::{DeadLetterReason, Order, Timestamp};
use keeper_wire::OrderMessage;
use keeper_wire::context::{REQUEST_ID, RequestContext, TRACEPARENT};
use keeper_wire::message::CONTENT_TYPE;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use crate::publisher::Outgoing;
use crate::topology::Topology;

/// The headers of a dead letter that we moved.
pub(crate) const REASON: &str = "x-keeper-reason";
pub(crate) const DETAIL: &str = "x-keeper-detail";
pub(crate) const FIRST_SEEN: &str = "x-keeper-first-seen";

/// The delivery mode of a message that is written to disk.
const PERSISTENT: u8 = 2;

/// The longest detail, in bytes: a message may be anything, and its headers must fit into one frame.
const MAX_DETAIL_BYTES: usize = 1_000;

/// The message of an order.
pub(crate) fn order(order: &Order, context: Option<&RequestContext>, unit: &str, queue: &str) -> Outgoing {
    let mut headers = FieldTable::default();
    if let Some(context) = context {
        headers.insert(REQUEST_ID.into(), text(&context.request_id));
        if let Some(traceparent) = &context.traceparent {
            headers.insert(TRACEPARENT.into(), text(traceparent));
        }
    }
    let properties = BasicProperties::default()
        .with_content_type(CONTENT_TYPE.into())
        .with_delivery_mode(PERSISTENT)
        .with_message_id(order.id.to_string().into())
        .with_timestamp(seconds(order.created_at))
        .with_app_id(unit.into())
        .with_headers(headers);
    Outgoing {
        exchange: String::new(),
        routing_key: queue.to_owned(),
        properties,
        body: OrderMessage::encode(order),
    }
}

/// The dead letter of a message: as it came, with its reason.
pub(crate) fn dead_letter(
    properties: &BasicProperties,
    body: Vec<u8>,
    (reason, detail): (DeadLetterReason, &str),
    now: Timestamp,
    topology: &Topology,
) -> Outgoing {
    let mut headers = properties.headers().clone().unwrap_or_default();
    headers.insert(REASON.into(), text(reason.as_str()));
    headers.insert(DETAIL.into(), text(shortened(detail)));
    // One that was replayed and comes again was first seen then.
    let first_seen = first_seen(properties).unwrap_or(now);
    headers.insert(FIRST_SEEN.into(), text(&first_seen.to_string()));
    Outgoing {
        exchange: topology.dead_exchange.clone(),
        routing_key: topology.dead_queue.clone(),
        properties: properties.clone().with_headers(headers).with_delivery_mode(PERSISTENT),
        body,
    }
}

/// The message of a dead letter as it first came, on its way back into the order queue. It remembers when it was first
/// seen among the dead letters, should it come back there.
pub(crate) fn replayed(
    properties: &BasicProperties,
    body: Vec<u8>,
    first_seen: Timestamp,
    queue: &str,
) -> Outgoing {
    let mut headers: BTreeMap<ShortString, AMQPValue> =
        original_headers(properties).map(|(key, value)| (key.clone(), value.clone())).collect();
    headers.insert(FIRST_SEEN.into(), text(&first_seen.to_string()));
    Outgoing {
        exchange: String::new(),
        routing_key: queue.to_owned(),
        properties: properties.clone().with_headers(headers.into()).with_delivery_mode(PERSISTENT),
        body,
    }
}

/// A message without an identity, on its way back into the order queue with that of the order.
pub(crate) fn stamped(properties: &BasicProperties, body: Vec<u8>, order: &Order, queue: &str) -> Outgoing {
    let properties = properties
        .clone()
        .with_message_id(order.id.to_string().into())
        .with_timestamp(seconds(order.created_at))
        .with_delivery_mode(PERSISTENT);
    Outgoing { exchange: String::new(), routing_key: queue.to_owned(), properties, body }
}

/// The headers that a message first came with: without ours, and without those that the broker adds on its way.
pub(crate) fn original_headers(
    properties: &BasicProperties,
) -> impl Iterator<Item = (&ShortString, &AMQPValue)> {
    const ADDED: [&str; 6] = [
        "x-keeper-",
        "x-death",
        "x-first-death-",
        "x-last-death-",
        "x-delivery-count",
        // RabbitMQ 4.3's count of deliveries, whatever came of them.
        "x-acquired-count",
    ];
    let headers = properties.headers().iter().flat_map(FieldTable::inner);
    headers.filter(|(key, _)| !ADDED.iter().any(|added| key.as_str().starts_with(added)))
}

/// The text of a header, if it is there and is text.
pub(crate) fn header<'a>(properties: &'a BasicProperties, key: &str) -> Option<Cow<'a, str>> {
    match properties.headers().as_ref()?.inner().get(key)? {
        AMQPValue::LongString(text) => Some(String::from_utf8_lossy(text.as_bytes())),
        AMQPValue::ShortString(text) => Some(text.as_str().into()),
        _ => None,
    }
}

/// When a dead letter that we moved was first seen.
pub(crate) fn first_seen(properties: &BasicProperties) -> Option<Timestamp> {
    Timestamp::parse(FIRST_SEEN, &header(properties, FIRST_SEEN)?).ok()
}

/// The time that a message says it was published at.
pub(crate) fn published_at(properties: &BasicProperties) -> Option<Timestamp> {
    let seconds = i64::try_from((*properties.timestamp())?).ok()?;
    Timestamp::from_millis(seconds.checked_mul(1_000)?).ok()
}

fn seconds(moment: Timestamp) -> u64 {
    u64::try_from(moment.as_millis() / 1_000).unwrap_or_default()
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

fn shortened(text: &str) -> &str {
    let end = (0..=text.len().min(MAX_DETAIL_BYTES)).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
