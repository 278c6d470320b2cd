//! What a dead letter carries, and the message that it was.

use std::collections::BTreeMap;

use keeper_domain::{Refusal, Timestamp};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use crate::connection::Topology;
use crate::publisher::Outgoing;
use crate::publisher::properties::{carried, fitting, headers_of, seconds, text};
pub(crate) use crate::publisher::properties::{header, published_at};

/// The headers of a dead letter that we moved.
pub(crate) const REASON: &str = "x-keeper-reason";
pub(crate) const DETAIL: &str = "x-keeper-detail";
pub(crate) const FIRST_SEEN: &str = "x-keeper-first-seen";

/// The longest detail, in bytes: a message may be anything, and its headers must fit into one frame.
const MAX_DETAIL_BYTES: usize = 1_000;

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
    // A replayed message that comes to the dead letters again keeps the time at which it first came.
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

/// A message on its way back into its queue, with an identity that it did not have.
pub(crate) fn put_back(
    properties: &BasicProperties,
    body: Vec<u8>,
    message_id: &str,
    now: Timestamp,
    queue: &str,
) -> Outgoing {
    let properties = identified(properties, message_id, now);
    let properties = carried(&properties).with_headers(headers_of(&properties));
    Outgoing { exchange: String::new(), routing_key: queue.to_owned(), properties, body }
}

/// The properties of a message that gets an identity, and the time at which it came if it does not say one.
pub(crate) fn identified(properties: &BasicProperties, message_id: &str, now: Timestamp) -> BasicProperties {
    let timestamp = properties.timestamp().unwrap_or_else(|| seconds(now));
    properties.clone().with_message_id(message_id.into()).with_timestamp(timestamp)
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

/// When a dead letter that we moved was first seen.
pub(crate) fn first_seen(properties: &BasicProperties) -> Option<Timestamp> {
    Timestamp::parse(FIRST_SEEN, &header(properties, FIRST_SEEN)?).ok()
}

fn shortened(text: &str) -> &str {
    let end = (0..=text.len().min(MAX_DETAIL_BYTES)).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
