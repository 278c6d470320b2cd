use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keeper_domain::{OrderId, Page, RecordedOrder, Slice, UserId};
use keeper_ports::billing::{OrderBook, OrderLedger};
use keeper_ports::{Clock, PortResult};

/// The pauses between two looks at the ledger for an order that is waited for: short at first, since most orders are
/// recorded within milliseconds; then longer, to spare the database.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(320);

/// Reads the ledger.
pub struct Book {
    ledger: Arc<dyn OrderLedger>,
    clock: Arc<dyn Clock>,
}

impl Book {
    /// Assembles the use case.
    pub fn new(ledger: Arc<dyn OrderLedger>, clock: Arc<dyn Clock>) -> Self {
        Self { ledger, clock }
    }
}

#[async_trait]
impl OrderBook for Book {
    async fn find(&self, id: OrderId, wait: Duration) -> PortResult<Option<RecordedOrder>> {
        let mut left = wait;
        let mut pause = FIRST_PAUSE;
        loop {
            let found = self.ledger.find(id).await?;
            if found.is_some() || left.is_zero() {
                return Ok(found);
            }
            let now = pause.min(left);
            self.clock.sleep(now).await;
            left -= now;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn list(&self, user: UserId, page: Page<OrderId>) -> PortResult<Slice<RecordedOrder>> {
        self.ledger.list(user, page).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use keeper_domain::{IdempotencyKey, ItemCount, Money, Order, OrderDraft, Timestamp};
    use keeper_ports::billing::MockOrderLedger;
    use keeper_ports::{MockClock, PortError};

    use super::*;

    fn recorded() -> RecordedOrder {
        let user = UserId::new("20").unwrap();
        let id = OrderId::derive(&user, &IdempotencyKey::new("k").unwrap());
        let total = Money::parse("total_amount", "1").unwrap();
        let at = Timestamp::from_millis(0).unwrap();
        let draft = OrderDraft { user, items: ItemCount::new(1).unwrap(), total };
        RecordedOrder { order: Order { id, draft, created_at: at }, recorded_at: at }
    }

    /// A clock that only adds up what was slept.
    fn sleeper() -> (Arc<Mutex<Vec<Duration>>>, MockClock) {
        let slept = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&slept);
        let mut clock = MockClock::new();
        clock.expect_sleep().returning(move |duration| log.lock().unwrap().push(duration));
        (slept, clock)
    }

    #[tokio::test]
    async fn without_a_wait_the_ledger_is_asked_once() {
        let (slept, clock) = sleeper();
        let mut ledger = MockOrderLedger::new();
        ledger.expect_find().once().returning(|_| Ok(None));
        let book = Book::new(Arc::new(ledger), Arc::new(clock));
        assert_eq!(book.find(recorded().order.id, Duration::ZERO).await.unwrap(), None);
        assert!(slept.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_wait_ends_as_soon_as_the_order_is_recorded() {
        let (slept, clock) = sleeper();
        let mut looks = 0;
        let mut ledger = MockOrderLedger::new();
        ledger.expect_find().times(3).returning(move |_| {
            looks += 1;
            Ok((looks == 3).then(recorded))
        });
        let book = Book::new(Arc::new(ledger), Arc::new(clock));
        assert_eq!(book.find(recorded().order.id, Duration::from_secs(30)).await.unwrap(), Some(recorded()));
        assert_eq!(*slept.lock().unwrap(), [FIRST_PAUSE, FIRST_PAUSE * 2]);
    }

    #[tokio::test]
    async fn a_wait_is_never_longer_than_asked_for() {
        let (slept, clock) = sleeper();
        let mut ledger = MockOrderLedger::new();
        ledger.expect_find().returning(|_| Ok(None));
        let book = Book::new(Arc::new(ledger), Arc::new(clock));
        assert_eq!(book.find(recorded().order.id, Duration::from_secs(1)).await.unwrap(), None);
        assert_eq!(slept.lock().unwrap().iter().sum::<Duration>(), Duration::from_secs(1));
    }

    #[tokio::test]
    async fn a_ledger_that_is_away_ends_the_wait() {
        let mut ledger = MockOrderLedger::new();
        ledger.expect_find().returning(|_| Err(PortError::unavailable("billing database", "gone")));
        ledger.expect_list().returning(|_, _| Err(PortError::failed("billing database", "bad")));
        let book = Book::new(Arc::new(ledger), Arc::new(MockClock::new()));
        assert!(book.find(recorded().order.id, Duration::from_secs(1)).await.unwrap_err().is_transient());
        let user = UserId::new("20").unwrap();
        assert!(!book.list(user, Page::default()).await.unwrap_err().is_transient());
    }
}
