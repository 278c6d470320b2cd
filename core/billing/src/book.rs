use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keeper_domain::{OrderId, Page, RecordedOrder, Slice, UserId};
use keeper_ports::PortResult;
use keeper_ports::billing::{OrderBook, OrderLedger};

/// Reads the ledger.
pub struct Book {
    ledger: Arc<dyn OrderLedger>,
}

impl Book {
    /// Assembles the use case.
    pub fn new(ledger: Arc<dyn OrderLedger>) -> Self {
        Self { ledger }
    }
}

#[async_trait]
impl OrderBook for Book {
    async fn find(&self, id: OrderId, wait: Duration) -> PortResult<Option<RecordedOrder>> {
        if wait.is_zero() { self.ledger.find(id).await } else { self.ledger.wait_for(id, wait).await }
    }

    async fn list(&self, user: UserId, page: Page<OrderId>) -> PortResult<Slice<RecordedOrder>> {
        self.ledger.list(user, page).await
    }
}

#[cfg(test)]
mod tests {
    use keeper_domain::{IdempotencyKey, ItemCount, Money, Order, OrderDraft, Timestamp};
    use keeper_ports::PortError;
    use keeper_ports::billing::MockOrderLedger;

    use super::*;

    fn recorded() -> RecordedOrder {
        let user = UserId::new("20").unwrap();
        let id = OrderId::derive(&user, &IdempotencyKey::new("key", "k").unwrap());
        let total = Money::parse("total_amount", "1").unwrap();
        let at = Timestamp::from_millis(0).unwrap();
        let draft = OrderDraft { user, items: ItemCount::new(1).unwrap(), total };
        RecordedOrder { order: Order { id, draft, created_at: at }, recorded_at: at }
    }

    #[tokio::test]
    async fn without_a_wait_the_ledger_is_asked_once() {
        let mut ledger = MockOrderLedger::new();
        ledger.expect_find().once().returning(|_| Ok(None));
        let book = Book::new(Arc::new(ledger));
        assert_eq!(book.find(recorded().order.id, Duration::ZERO).await.unwrap(), None);
    }

    #[tokio::test]
    async fn the_ledger_waits_as_long_as_asked_for() {
        let mut ledger = MockOrderLedger::new();
        ledger.expect_wait_for().once().returning(|_, wait| {
            assert_eq!(wait, Duration::from_secs(30));
            Ok(Some(recorded()))
        });
        let book = Book::new(Arc::new(ledger));
        assert_eq!(book.find(recorded().order.id, Duration::from_secs(30)).await.unwrap(), Some(recorded()));
    }

    #[tokio::test]
    async fn what_the_ledger_fails_with_is_passed_on() {
        let mut ledger = MockOrderLedger::new();
        ledger.expect_find().returning(|_| Err(PortError::unavailable("billing database", "gone")));
        ledger.expect_list().returning(|_, _| Err(PortError::failed("billing database", "bad")));
        let book = Book::new(Arc::new(ledger));
        assert!(book.find(recorded().order.id, Duration::ZERO).await.unwrap_err().is_transient());
        let user = UserId::new("20").unwrap();
        assert!(!book.list(user, Page::default()).await.unwrap_err().is_transient());
    }
}
