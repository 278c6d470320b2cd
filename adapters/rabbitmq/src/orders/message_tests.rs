use keeper_domain::{ItemCount, Money, OrderDraft, OrderId, UserId};

use super::*;
use crate::publisher::properties::header;

const ID: &str = "019a2f5e-7c1b-7d3a-9e4f-0123456789ab";

fn an_order() -> Order {
    let total = Money::parse("total_amount", "180.5").unwrap();
    let draft = OrderDraft { user: UserId::new("20").unwrap(), items: ItemCount::new(9).unwrap(), total };
    Order {
        id: OrderId::parse("order_id", ID).unwrap(),
        draft,
        created_at: Timestamp::from_millis(12_345).unwrap(),
    }
}

#[test]
fn an_order_carries_its_identity_and_its_context() {
    let context = RequestContext {
        request_id: "r1".into(),
        traceparent: Some("00-a-b-01".into()),
        tracestate: Some("rojo=1".into()),
        caller: None,
    };
    let message = outgoing(&an_order(), Some(&context), "gateway", "billing_queue");
    let properties = &message.properties;
    assert_eq!((message.exchange.as_str(), message.routing_key.as_str()), ("", "billing_queue"));
    assert_eq!(properties.message_id().as_ref().map(ShortString::as_str), Some(ID));
    assert_eq!(properties.content_type().as_ref().map(ShortString::as_str), Some("application/json"));
    assert_eq!(properties.app_id().as_ref().map(ShortString::as_str), Some("gateway"));
    assert_eq!((*properties.delivery_mode(), *properties.timestamp()), (Some(2), Some(12)));
    assert_eq!(header(properties, "X-Request-Id").as_deref(), Some("r1"));
    assert_eq!(header(properties, "traceparent").as_deref(), Some("00-a-b-01"));
    assert_eq!(header(properties, "tracestate").as_deref(), Some("rojo=1"));
    assert!(
        outgoing(&an_order(), None, "gateway", "q").properties.headers().as_ref().unwrap().inner().is_empty()
    );
}

#[test]
fn an_order_is_read_as_it_was_published() {
    let Outgoing { properties, body, .. } = outgoing(&an_order(), None, "gateway", "q");
    let mut delivery = Delivery::mock(1, "".into(), "q".into(), false, body);
    delivery.properties = properties;
    let received = Timestamp::from_millis(99_000).unwrap();
    assert_eq!(order(&delivery, received), Ok(an_order()));
    // What the body does not say is in the properties.
    delivery.data = br#"{"user_id":"20","number_of_items":"9","total_amount":"180.5"}"#.to_vec();
    let at = Timestamp::from_millis(12_000).unwrap();
    assert_eq!(order(&delivery, received), Ok(Order { created_at: at, ..an_order() }));
}
