use keeper_domain::DeadLetterReason;
use lapin::types::FieldArray;

use super::*;
use crate::dead_letters::parse;
use crate::publisher::properties::{DROPPED, size_of_table};

const ID: &str = "019a2f5e-7c1b-7d3a-9e4f-0123456789ab";

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

fn with_headers(headers: &[(&str, AMQPValue)]) -> BasicProperties {
    let mut table = FieldTable::default();
    for (key, value) in headers {
        table.insert((*key).into(), value.clone());
    }
    BasicProperties::default().with_headers(table)
}

fn dead_lettered(properties: &BasicProperties, now: Timestamp) -> Outgoing {
    let why = Refusal::new(DeadLetterReason::Invalid, "user_id must not be empty");
    dead_letter(properties, b"{}".to_vec(), &why, now, &Topology::new("q"))
}

#[test]
fn a_dead_letter_is_read_as_it_was_buried_and_replayed_as_it_came() {
    let came = with_headers(&[("X-Request-Id", text("r1")), ("n", AMQPValue::LongInt(7))])
        .with_message_id(ID.into())
        .with_content_type("text/plain".into());
    let dead = dead_lettered(&came, at(5_000));
    assert_eq!((dead.exchange.as_str(), dead.routing_key.as_str()), ("q.dlx", "q.dead"));
    let read = parse::read(&dead.properties, dead.body.clone());
    assert_eq!((read.reason, read.detail.as_str()), (DeadLetterReason::Invalid, "user_id must not be empty"));
    assert_eq!((read.first_seen, read.order_id.as_deref()), (at(5_000), Some(ID)));
    assert_eq!(read.headers, [("X-Request-Id".into(), "r1".into()), ("n".into(), "7".into())]);

    let again = replayed(&dead.properties, dead.body, read.first_seen, "q");
    assert_eq!((again.exchange.as_str(), again.routing_key.as_str()), ("", "q"));
    assert_eq!(original_headers(&again.properties).count(), 2);
    assert_eq!(header(&again.properties, REASON), None);
    assert_eq!(again.properties.content_type(), came.content_type());
    // Dead-lettered again, it was first seen the first time.
    let read = parse::read(&dead_lettered(&again.properties, at(9_000)).properties, Vec::new());
    assert_eq!(read.first_seen, at(5_000));
}

#[test]
fn a_message_that_the_broker_moved_says_why() {
    let mut death = FieldTable::default();
    death.insert("reason".into(), text("delivery_limit"));
    death.insert("time".into(), AMQPValue::Timestamp(7));
    let deaths = AMQPValue::FieldArray(FieldArray::from(vec![AMQPValue::FieldTable(death)]));
    let added = [
        ("x-death", deaths),
        ("x-first-death-reason", text("delivery_limit")),
        ("x-delivery-count", AMQPValue::LongLongInt(21)),
        ("x-acquired-count", AMQPValue::LongLongInt(21)),
    ];
    let read = parse::read(&with_headers(&added), b"{\"order_id\":\"7\"}".to_vec());
    assert_eq!((read.reason, read.first_seen), (DeadLetterReason::Undeliverable, at(7_000)));
    assert!(read.detail.contains("never settled"), "{}", read.detail);
    assert_eq!((read.order_id.as_deref(), read.headers.len()), (Some("7"), 0));
}

#[test]
fn anything_can_be_read() {
    let read = parse::read(&BasicProperties::default().with_message_id("m1".into()), vec![0xff]);
    assert_eq!((read.reason, read.detail.as_str()), (DeadLetterReason::Undeliverable, ""));
    assert_eq!((read.order_id, read.first_seen), (None, at(0)));
    assert_eq!(published_at(&BasicProperties::default().with_timestamp(u64::MAX)), None);
}

#[test]
fn a_long_detail_is_cut_between_characters() {
    let detail = "é".repeat(600);
    assert_eq!(shortened(&detail).len(), 1_000);
    assert_eq!(shortened(&format!("x{detail}")).len(), 999);
    assert_eq!(shortened("short"), "short");
}

#[test]
fn what_would_have_the_broker_refuse_or_drop_a_message_stays_behind() {
    let table = with_headers(&[("CC", text("elsewhere")), ("kept", text("yes"))]);
    let foreign = table
        .with_user_id("somebody".into())
        .with_expiration("4000".into())
        .with_type("order".into())
        .with_correlation_id("c1".into());
    let replays = replayed(&foreign, b"{}".to_vec(), at(1), "q");
    let put_back = put_back(&foreign, b"{}".to_vec(), ID, at(1), "q");
    for message in [dead_lettered(&foreign, at(1)), put_back, replays] {
        let properties = &message.properties;
        assert_eq!((properties.user_id(), properties.expiration()), (&None, &None));
        assert_eq!(properties.kind().as_ref().map(ShortString::as_str), Some("order"));
        assert_eq!(properties.correlation_id().as_ref().map(ShortString::as_str), Some("c1"));
        assert_eq!(*properties.delivery_mode(), Some(2));
        assert_eq!(header(properties, "kept").as_deref(), Some("yes"));
        assert_eq!(header(properties, "CC"), None);
    }
}

#[test]
fn headers_that_would_not_fit_into_a_frame_do_not_keep_a_message_from_going_on() {
    let nested = FieldArray::from(vec![text(&"x".repeat(40_000)), text(&"y".repeat(40_000))]);
    let large = with_headers(&[("deep", AMQPValue::FieldArray(nested)), ("small", text("s"))]);
    let kept = dead_lettered(&large, at(1)).properties;
    assert_eq!((header(&kept, "deep"), header(&kept, "small")), (None, None));
    assert_eq!(header(&kept, REASON).as_deref(), Some("invalid"));
    assert!(header(&kept, DROPPED).unwrap().starts_with("800"));
    let put_back = put_back(&large, b"{}".to_vec(), ID, at(1), "q").properties;
    assert!(size_of_table(put_back.headers().as_ref().unwrap()) < 1_000);
}

#[test]
fn a_message_without_an_identity_gets_one_and_keeps_the_rest() {
    let came = with_headers(&[("h", text("v"))]).with_content_type("text/plain".into());
    let copy = put_back(&came, b"body".to_vec(), ID, at(5_999), "q");
    assert_eq!((copy.exchange.as_str(), copy.routing_key.as_str()), ("", "q"));
    assert_eq!(copy.properties.message_id().as_ref().map(ShortString::as_str), Some(ID));
    assert_eq!((copy.body.as_slice(), copy.properties.content_type()), (&b"body"[..], came.content_type()));
    assert_eq!((copy.properties.headers(), *copy.properties.timestamp()), (came.headers(), Some(5)));
    // The time that it came with is its own.
    let dated = came.with_timestamp(3);
    let copy = put_back(&dated, b"body".to_vec(), ID, at(5_999), "q");
    assert_eq!(*copy.properties.timestamp(), Some(3));
}
