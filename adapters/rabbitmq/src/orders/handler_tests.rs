use keeper_domain::{Order, OrderId, Timestamp};
use keeper_ports::MockClock;
use keeper_ports::PortError;
use keeper_ports::billing::{MockOrderHandler, MockOrderIds};
use lapin::BasicProperties;
use prometheus::Registry;
use uuid::Uuid;

use super::*;

const ORDER: &[u8] = br#"{"user_id":"3","number_of_items":"5","total_amount":"180"}"#;

fn messages(handler: MockOrderHandler, unidentified: UnidentifiedMessages) -> OrderMessages {
    let mut ids = MockOrderIds::new();
    ids.expect_next().returning(|| OrderId::new(Uuid::from_u128(7)));
    let mut clock = MockClock::new();
    clock.expect_now().returning(|| Timestamp::from_millis(9_000).unwrap());
    OrderMessages {
        messaging: Messaging::rabbitmq("billing_queue"),
        handler: Arc::new(handler),
        ids: Arc::new(ids),
        clock: Arc::new(clock),
        metrics: ProcessingMetrics::register(&Registry::new()).unwrap(),
        unidentified,
    }
}

fn delivery(message_id: Option<&str>, body: &[u8]) -> Delivery {
    let mut delivery = Delivery::mock(1, "".into(), "q".into(), false, body.to_vec());
    if let Some(message_id) = message_id {
        delivery.properties = BasicProperties::default().with_message_id(message_id.into());
    }
    delivery
}

/// Conflicts with user 4, records the others.
fn ledger() -> MockOrderHandler {
    let mut handler = MockOrderHandler::new();
    handler.expect_handle().times(1).returning(|orders: Vec<Order>| {
        let outcome = |order: &Order| match order.draft.user.as_str() {
            "4" => Recording::Conflict,
            _ => Recording::Recorded,
        };
        Ok(orders.iter().map(outcome).collect())
    });
    handler
}

fn reason(outcome: &Outcome) -> Option<DeadLetterReason> {
    match outcome {
        Outcome::Settled => None,
        Outcome::DeadLetter(refusal)
        | Outcome::DeadLetterAs { refusal, .. }
        | Outcome::PutBackAs { refusal, .. } => Some(refusal.reason),
    }
}

#[tokio::test]
async fn each_message_has_its_own_outcome() {
    let messages = messages(ledger(), UnidentifiedMessages::DeadLetter);
    let conflicting = br#"{"user_id":"4","number_of_items":"5","total_amount":"180"}"#;
    let batch = [
        delivery(Some("a"), ORDER),
        delivery(Some("b"), b"{"),
        delivery(None, ORDER),
        delivery(Some("c"), conflicting),
        delivery(Some("d"), ORDER),
    ];
    let outcomes = messages.handle(&batch).await.unwrap();
    let reasons: Vec<_> = outcomes.iter().map(reason).collect();
    let (unreadable, unidentified) = (DeadLetterReason::Unreadable, DeadLetterReason::Unidentified);
    assert_eq!(reasons, [None, Some(unreadable), Some(unidentified), Some(DeadLetterReason::Conflict), None]);
}

#[tokio::test]
async fn a_message_without_identity_gets_one_as_it_is_set() {
    // The ledger is not asked: none of them is an order yet.
    let id = OrderId::new(Uuid::from_u128(7)).to_string();
    let dead_lettered = messages(MockOrderHandler::new(), UnidentifiedMessages::DeadLetter);
    let outcomes = dead_lettered.handle(&[delivery(None, ORDER)]).await.unwrap();
    assert!(matches!(&outcomes[..], [Outcome::DeadLetterAs { message_id, .. }] if *message_id == id));
    let assigned = messages(MockOrderHandler::new(), UnidentifiedMessages::Assign);
    let outcomes = assigned.handle(&[delivery(None, ORDER)]).await.unwrap();
    assert!(matches!(&outcomes[..], [Outcome::PutBackAs { message_id, .. }] if *message_id == id));
}

#[tokio::test]
async fn nothing_is_known_of_a_batch_that_cannot_be_handled() {
    let mut handler = MockOrderHandler::new();
    handler.expect_handle().returning(|_| Err(PortError::unavailable("billing database", "away")));
    let messages = messages(handler, UnidentifiedMessages::DeadLetter);
    assert!(messages.handle(&[delivery(Some("a"), ORDER), delivery(None, b"{")]).await.is_err());
}
