use keeper_domain::{Order, Refusal, Timestamp};
use keeper_telemetry::context::{REQUEST_ID, RequestContext, TRACEPARENT, TRACESTATE};
use keeper_telemetry::traced::MessageTrace;
use keeper_wire::OrderMessage;
use keeper_wire::message::{CONTENT_TYPE, QueuedMessage};
use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{FieldTable, ShortString};

use crate::publisher::Outgoing;
use crate::publisher::properties::{PERSISTENT, published_at, request_context, seconds, text};

/// The message of an order.
pub(crate) fn outgoing(order: &Order, context: Option<&RequestContext>, unit: &str, queue: &str) -> Outgoing {
    let mut headers = FieldTable::default();
    if let Some(context) = context {
        headers.insert(REQUEST_ID.into(), text(&context.request_id));
        if let Some(traceparent) = &context.traceparent {
            headers.insert(TRACEPARENT.into(), text(traceparent));
        }
        if let Some(tracestate) = &context.tracestate {
            headers.insert(TRACESTATE.into(), text(tracestate));
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

/// Reads the order of a delivery. The refusal says why it can never be processed.
pub(crate) fn order(delivery: &Delivery, received: Timestamp) -> Result<Order, Refusal> {
    let properties = &delivery.properties;
    let message = QueuedMessage {
        message_id: properties.message_id().as_ref().map(ShortString::as_str),
        published_at: published_at(properties),
        body: &delivery.data,
    };
    message.order(received)
}

/// What a delivery says of the trace that it belongs to.
pub(crate) fn trace(delivery: &Delivery) -> Option<MessageTrace> {
    let context = request_context(&delivery.properties)?;
    Some(MessageTrace { id: delivery.properties.message_id().as_ref().map(ToString::to_string), context })
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
