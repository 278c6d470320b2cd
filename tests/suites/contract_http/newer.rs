//! What a newer service answers to an older client.

use keeper_domain::{DeadLetterReason, OrderId};
use keeper_http_client::DeadLetterClient;
use keeper_ports::billing::{DeadLetterOperations, OrderBook};

use super::*;

/// In a roll-out the gateway may be older than the services: what they keep by newer rules, and say in more words, is read.
#[tokio::test]
async fn a_newer_service_is_understood() {
    let long = format!(
        r#"{{"id":7,"title":"{}","description":"{}","genre":["a"],"createdAt":"2026-01-31T09:30:00Z","updatedAt":"2026-01-31T09:30:00Z"}}"#,
        "t".repeat(300),
        "d".repeat(20_000)
    );
    let (service, _seen) = broken(vec![answer("200 OK", &long)]).await;
    let movie = InventoryClient::new(service).get(movie_id(7)).await.unwrap().unwrap();
    assert_eq!((movie.title.as_str().len(), movie.description.as_str().len()), (300, 20_000));

    let order = format!(
        r#"{{"order_id":"019a2f5e-7c1b-7d3a-9e4f-0123456789ab","user_id":"{}","number_of_items":5000000,"total_amount":"99999999999.99","status":"refunded","createdAt":"2026-01-31T09:30:00Z","recordedAt":"2026-01-31T09:30:01Z","refundedAt":null}}"#,
        "u".repeat(80)
    );
    let id = OrderId::parse("order_id", "019a2f5e-7c1b-7d3a-9e4f-0123456789ab").unwrap();
    let (service, _seen) =
        broken(vec![answer("200 OK", &order), answer("200 OK", &format!("[{order}]"))]).await;
    let billing = BillingClient::new(service);
    let found = billing.find(id, Duration::ZERO).await.unwrap().unwrap();
    assert_eq!((found.order.id, found.order.draft.items.get()), (id, 5_000_000));
    let listed = billing.list(found.order.draft.user.clone(), Page::default()).await.unwrap().items;
    assert_eq!(listed, [found]);

    let letter = r#"{"id":"019a2f5e-7c1b-7d3a-9e4f-0123456789ab","reason":"too_good","detail":"d","first_seen":"2026-01-31T09:30:00Z","order_id":null,"headers":{},"body":"b","tried":3}"#;
    let list = format!(r#"{{"dead_letters":[{letter}],"seen":1,"total":1,"oldest":null}}"#);
    let (service, _seen) = broken(vec![answer("200 OK", &list)]).await;
    let letters = DeadLetterClient::new(service).list(10).await.unwrap().letters;
    assert_eq!(letters[0].reason, DeadLetterReason::Unknown);

    // A code that is not known keeps the meaning of its status.
    let (service, _seen) = broken(vec![error("503 Service Unavailable", "too_tired")]).await;
    let refused = InventoryClient::new(service).get(movie_id(7)).await;
    assert!(matches!(refused, Err(PortError::Unavailable { .. })), "{refused:?}");
}
