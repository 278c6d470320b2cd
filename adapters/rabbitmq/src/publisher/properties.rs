//! The properties and headers of messages.

use std::borrow::Cow;
use std::collections::BTreeMap;

use keeper_domain::Timestamp;
use keeper_telemetry::context::{REQUEST_ID, RequestContext, TRACEPARENT, TRACESTATE};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};

/// In place of headers that were too large to go on.
pub(crate) const DROPPED: &str = "x-keeper-dropped";

/// The most bytes of headers that go on with a message: half of the broker's usual largest frame.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// The delivery mode of a message that is written to disk.
pub(crate) const PERSISTENT: u8 = 2;

/// The properties with which a message goes on to another place, to stay there: without its headers, and without its
/// sender's user, whom the broker would hold against ours, and its time to live, at the end of which it would be gone.
pub(crate) fn carried(from: &BasicProperties) -> BasicProperties {
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
pub(crate) fn fitting(headers: &FieldTable) -> FieldTable {
    let size = size_of_table(headers);
    if size > MAX_HEADER_BYTES {
        let mut instead = FieldTable::default();
        instead.insert(DROPPED.into(), text(&format!("{size} bytes of headers")));
        return instead;
    }
    let kept = headers.inner().iter().filter(|(key, _)| !matches!(key.as_str(), "CC" | "BCC"));
    kept.map(|(key, value)| (key.clone(), value.clone())).collect::<BTreeMap<_, _>>().into()
}

pub(crate) fn headers_of(properties: &BasicProperties) -> FieldTable {
    properties.headers().as_ref().map(fitting).unwrap_or_default()
}

pub(crate) fn size_of_table(table: &FieldTable) -> usize {
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

/// The text of a header, if it is there and is text.
pub(crate) fn header<'a>(properties: &'a BasicProperties, key: &str) -> Option<Cow<'a, str>> {
    match properties.headers().as_ref()?.inner().get(key)? {
        AMQPValue::LongString(text) => Some(String::from_utf8_lossy(text.as_bytes())),
        AMQPValue::ShortString(text) => Some(text.as_str().into()),
        _ => None,
    }
}

/// The request that sent a message, if the message says so.
pub(crate) fn request_context(properties: &BasicProperties) -> Option<RequestContext> {
    let text = |key| header(properties, key).map(Cow::into_owned);
    Some(RequestContext {
        request_id: text(REQUEST_ID)?,
        traceparent: text(TRACEPARENT),
        tracestate: text(TRACESTATE),
        caller: None,
    })
}

/// The time that a message says it was published at.
pub(crate) fn published_at(properties: &BasicProperties) -> Option<Timestamp> {
    let seconds = i64::try_from((*properties.timestamp())?).ok()?;
    Timestamp::from_millis(seconds.checked_mul(1_000)?).ok()
}

pub(crate) fn seconds(moment: Timestamp) -> u64 {
    u64::try_from(moment.as_millis() / 1_000).unwrap_or_default()
}

pub(crate) fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}
