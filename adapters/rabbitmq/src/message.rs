//! Messages and their headers: what an order looks like in the queue, and what a dead letter carries.

use std::borrow::Cow;
use std::collections::BTreeMap;

use keeper_domain::{Order, Refusal, Timestamp};
use keeper_telemetry::context::{REQUEST_ID, RequestContext, TRACEPARENT};
use keeper_wire::OrderMessage;
use keeper_wire::message::CONTENT_TYPE;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use crate::publisher::Outgoing;
use crate::topology::Topology;

/// The headers of a dead letter that we moved.
pub(crate) const REASON: &str = "x-keeper-reason";
pub(crate) const DETAIL: &str = "x-keeper-detail";
pub(crate) const FIRST_SEEN: &str = "x-keeper-first-seen";

/// In place of headers that were too large to go on.
const DROPPED: &str = "x-keeper-dropped";

/// The most bytes of headers that go on with a message: half of the broker's usual largest frame.
const MAX_HEADER_BYTES: usize = 64 * 1024;

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
    Refusal { reason, detail }: &Refusal,
    now: Timestamp,
    topology: &Topology,
) -> Outgoing {
    let mut headers = headers_of(properties);
    headers.insert(REASON.into(), text(reason.as_str()));
    headers.insert(DETAIL.into(), text(shortened(detail)));
    // A replayed message that is buried again keeps the time at which it was first buried.
    let first_seen = first_seen(properties).unwrap_or(now);
    headers.insert(FIRST_SEEN.into(), text(&first_seen.to_string()));
    Outgoing {
        exchange: topology.dead_exchange.clone(),
        routing_key: topology.dead_queue.clone(),
        properties: carried(properties).with_headers(headers),
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
    let headers = original_headers(properties).map(|(key, value)| (key.clone(), value.clone()));
    let mut headers = fitting(&headers.collect::<BTreeMap<_, _>>().into());
    headers.insert(FIRST_SEEN.into(), text(&first_seen.to_string()));
    Outgoing {
        exchange: String::new(),
        routing_key: queue.to_owned(),
        properties: carried(properties).with_headers(headers),
        body,
    }
}

/// A message without an identity, on its way back into the order queue with that of the order.
pub(crate) fn stamped(properties: &BasicProperties, body: Vec<u8>, order: &Order, queue: &str) -> Outgoing {
    let properties = carried(properties)
        .with_headers(headers_of(properties))
        .with_message_id(order.id.to_string().into())
        .with_timestamp(seconds(order.created_at));
    Outgoing { exchange: String::new(), routing_key: queue.to_owned(), properties, body }
}

/// The properties with which a message goes on to another place, to stay there: without its headers, and without its
/// sender's user, whom the broker would hold against ours, and its time to live, at the end of which it would be gone.
fn carried(from: &BasicProperties) -> BasicProperties {
    let mut properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
    macro_rules! carry {
        ($($property:ident $with:ident),+ $(,)?) => {$(
            if let Some(value) = from.$property().clone() {
                properties = properties.$with(value);
            }
        )+};
    }
    carry!(
        content_type with_content_type,
        content_encoding with_content_encoding,
        priority with_priority,
        correlation_id with_correlation_id,
        reply_to with_reply_to,
        message_id with_message_id,
        timestamp with_timestamp,
        kind with_type,
        app_id with_app_id,
    );
    properties
}

/// The headers with which a message goes on: without those that would send it to other places too, and none where they
/// would not fit into one frame with ours.
fn fitting(headers: &FieldTable) -> FieldTable {
    let size = size_of_table(headers);
    if size > MAX_HEADER_BYTES {
        let mut instead = FieldTable::default();
        instead.insert(DROPPED.into(), text(&format!("{size} bytes of headers")));
        return instead;
    }
    let kept = headers.inner().iter().filter(|(key, _)| !matches!(key.as_str(), "CC" | "BCC"));
    kept.map(|(key, value)| (key.clone(), value.clone())).collect::<BTreeMap<_, _>>().into()
}

fn headers_of(properties: &BasicProperties) -> FieldTable {
    properties.headers().as_ref().map(fitting).unwrap_or_default()
}

fn size_of_table(table: &FieldTable) -> usize {
    table.inner().iter().map(|(key, value)| key.as_str().len() + 1 + size_of(value)).sum()
}

/// About how many bytes a value takes in a frame.
fn size_of(value: &AMQPValue) -> usize {
    5 + match value {
        AMQPValue::ShortString(text) => text.as_str().len(),
        AMQPValue::LongString(text) => text.as_bytes().len(),
        AMQPValue::ByteArray(bytes) => bytes.as_slice().len(),
        AMQPValue::FieldArray(values) => values.as_slice().iter().map(size_of).sum(),
        AMQPValue::FieldTable(table) => size_of_table(table),
        _ => 8,
    }
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
