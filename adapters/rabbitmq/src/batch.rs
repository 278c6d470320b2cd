//! What to do with a message, and what to acknowledge: decided without a broker.

use keeper_domain::{Order, OrderId, Refusal, Timestamp};
use keeper_ports::billing::OrderIds;
use keeper_wire::message::Incoming;
use lapin::BasicProperties;

use crate::message;

/// What is to become of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is an order: to be handled.
    Handle(Order),
    /// It is an order that nothing tells from another of the same content: it must get an identity first, and this
    /// is it.
    Stamp(Order),
    /// It can never be processed, for this reason.
    Bury(Refusal),
}

/// Judges a message.
///
/// An order is identified by the id in its body, else by its message id. A message of the original publisher has
/// neither. Content cannot identify it: two customers' equal orders are two orders. If it were given an id here and
/// billed under it, a crash between the ledger's commit and the acknowledgement (minutes apart, when the ledger is
/// away) would bring it back without that id, to be billed again. So it is first put back into the queue *with* an
/// id, and acknowledged when the broker has confirmed the copy: from then on it is safe like any other. What remains
/// is the millisecond between that confirm and the acknowledgement: if this process, the broker or the connection dies
/// right then, the original is delivered again and stamped again, and is billed twice. A publisher that wants more
/// gives its messages an id.
pub(crate) fn judge(
    properties: &BasicProperties,
    body: &[u8],
    now: Timestamp,
    ids: &dyn OrderIds,
) -> Verdict {
    let incoming = match Incoming::decode(body) {
        Ok(incoming) => incoming,
        Err(refusal) => return Verdict::Bury(refusal),
    };
    let created_at = incoming.created_at.or_else(|| message::published_at(properties)).unwrap_or(now);
    let known = incoming.id.or_else(|| identity(properties, body));
    match known {
        Some(id) => Verdict::Handle(Order { id, draft: incoming.draft, created_at }),
        None => Verdict::Stamp(Order { id: ids.next(), draft: incoming.draft, created_at }),
    }
}

fn identity(properties: &BasicProperties, body: &[u8]) -> Option<OrderId> {
    OrderId::of_message(properties.message_id().as_ref()?.as_str(), body)
}

/// One acknowledgement: of a delivery, or of it and all before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ack {
    pub(crate) tag: u64,
    pub(crate) multiple: bool,
}

/// The acknowledgements of deliveries that are settled, given in the order in which they came, where everything that
/// came before the oldest that is still held is settled too.
pub(crate) fn acks(settled: &[u64], oldest_held: Option<u64>) -> Vec<Ack> {
    let prefix = settled.partition_point(|tag| oldest_held.is_none_or(|held| *tag < held));
    let (before, after) = settled.split_at(prefix);
    let multiple = before.last().map(|tag| Ack { tag: *tag, multiple: true });
    multiple.into_iter().chain(after.iter().map(|tag| Ack { tag: *tag, multiple: false })).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use keeper_domain::DeadLetterReason;
    use uuid::Uuid;

    use super::*;

    const BODY: &[u8] = br#"{"user_id":"3","number_of_items":"5","total_amount":"180"}"#;
    const ID: &str = "019a2f5e-7c1b-7d3a-9e4f-0123456789ab";

    /// Counts.
    #[derive(Default)]
    struct Numbers(AtomicU64);

    impl OrderIds for Numbers {
        fn next(&self) -> OrderId {
            OrderId::new(Uuid::from_u64_pair(0, self.0.fetch_add(1, Ordering::Relaxed)))
        }
    }

    fn now() -> Timestamp {
        Timestamp::from_millis(9_000).unwrap()
    }

    fn handled(properties: &BasicProperties, body: &[u8]) -> Order {
        match judge(properties, body, now(), &Numbers::default()) {
            Verdict::Handle(order) => order,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_body_identifies_an_order_before_its_properties_do() {
        let body = format!(
            r#"{{"user_id":"3","number_of_items":"5","total_amount":"180","order_id":"{ID}","createdAt":"1970-01-01T00:00:01Z"}}"#
        );
        let other = BasicProperties::default()
            .with_message_id("5c8e0f0e-0000-4000-8000-000000000000".into())
            .with_timestamp(5);
        let order = handled(&other, body.as_bytes());
        assert_eq!((order.id.to_string().as_str(), order.created_at.as_millis()), (ID, 1_000));
    }

    #[test]
    fn a_message_id_identifies_an_order_whose_body_does_not() {
        let properties = BasicProperties::default().with_message_id(ID.into()).with_timestamp(5);
        let order = handled(&properties, BODY);
        assert_eq!((order.id.to_string().as_str(), order.created_at.as_millis()), (ID, 5_000));
        let named = |name: &str| handled(&BasicProperties::default().with_message_id(name.into()), BODY).id;
        assert_eq!(named("order-7"), named("order-7"));
        assert_ne!(named("order-7"), named("order-8"));
    }

    #[test]
    fn a_message_without_any_identity_gets_one_first() {
        let ids = Numbers::default();
        let stamp = || match judge(&BasicProperties::default(), BODY, now(), &ids) {
            Verdict::Stamp(order) => order,
            other => panic!("{other:?}"),
        };
        let (one, another) = (stamp(), stamp());
        assert_eq!([one.id, another.id].map(|id| id.as_uuid().as_u64_pair().1), [0, 1]);
        assert_eq!(one.created_at, now());
    }

    #[test]
    fn what_can_never_be_processed_is_buried_with_its_reason() {
        let verdict = judge(&BasicProperties::default(), b"{}", now(), &Numbers::default());
        assert!(
            matches!(verdict, Verdict::Bury(refusal) if refusal.reason == DeadLetterReason::Invalid && refusal.detail.contains("user_id"))
        );
    }

    #[test]
    fn a_settled_prefix_is_one_acknowledgement() {
        let one = |tag, multiple| Ack { tag, multiple };
        assert_eq!(acks(&[4, 5, 6], None), [one(6, true)]);
        assert_eq!(acks(&[4, 6, 7], Some(5)), [one(4, true), one(6, false), one(7, false)]);
        assert_eq!(acks(&[6, 7], Some(2)), [one(6, false), one(7, false)]);
        assert_eq!(acks(&[4, 5], Some(6)), [one(5, true)]);
        assert_eq!(acks(&[], None), []);
    }
}
