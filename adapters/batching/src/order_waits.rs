use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keeper_domain::{OrderId, RecordedOrder};
use keeper_ports::PortResult;
use keeper_ports::billing::OrderLedger;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// The calls that wait for orders to be recorded: they are told, so that none of them asks the store again and again.
/// Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct OrderWaits(Arc<Mutex<Waiting>>);

type Waiting = HashMap<OrderId, Vec<oneshot::Sender<RecordedOrder>>>;

impl OrderWaits {
    /// Finds an order in the ledger; when it is not there, waits until it is told of, for up to `wait`.
    ///
    /// The ledger is asked once before the wait and once after it, as it may be that nobody told.
    ///
    /// # Errors
    /// The ledger could not be read.
    pub async fn wait_for(
        &self,
        ledger: &dyn OrderLedger,
        id: OrderId,
        wait: Duration,
    ) -> PortResult<Option<RecordedOrder>> {
        let until = Instant::now() + wait;
        // First of all: what is recorded while the ledger is asked is told.
        let mut call = self.register(id);
        if let Some(found) = ledger.find(id).await? {
            return Ok(Some(found));
        }
        match timeout_at(until, &mut call.told).await {
            Ok(Ok(recorded)) => Ok(Some(recorded)),
            Ok(Err(_)) | Err(_) => ledger.find(id).await,
        }
    }

    /// Tells those who wait for these orders. The orders are not looked at while nobody waits.
    pub fn tell(&self, recorded: impl IntoIterator<Item = RecordedOrder>) {
        let mut waiting = self.waiting();
        if waiting.is_empty() {
            return;
        }
        for order in recorded {
            for call in waiting.remove(&order.order.id).unwrap_or_default() {
                // It fails when the call has just ended by itself.
                let _ = call.send(order.clone());
            }
        }
    }

    /// The orders that are waited for.
    pub fn ids(&self) -> Vec<OrderId> {
        self.waiting().keys().copied().collect()
    }

    fn register(&self, id: OrderId) -> Call {
        let (teller, told) = oneshot::channel();
        self.waiting().entry(id).or_default().push(teller);
        Call { waits: self.clone(), id, told }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that waits. Dropped, also when its client leaves, it is forgotten.
struct Call {
    waits: OrderWaits,
    id: OrderId,
    told: oneshot::Receiver<RecordedOrder>,
}

impl Drop for Call {
    fn drop(&mut self) {
        self.told.close();
        let mut waiting = self.waits.waiting();
        if let Some(calls) = waiting.get_mut(&self.id) {
            calls.retain(|call| !call.is_closed());
            if calls.is_empty() {
                waiting.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use keeper_domain::{ItemCount, Money, Order, OrderDraft, Timestamp, UserId};
    use keeper_ports::PortError;
    use keeper_ports::billing::MockOrderLedger;

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    fn recorded(id: OrderId) -> RecordedOrder {
        let total = Money::parse("total_amount", "1").unwrap();
        let at = Timestamp::from_millis(0).unwrap();
        let draft = OrderDraft { user: UserId::new("20").unwrap(), items: ItemCount::new(1).unwrap(), total };
        RecordedOrder { order: Order { id, draft, created_at: at }, recorded_at: at }
    }

    fn id(last: u8) -> OrderId {
        OrderId::parse("order_id", &format!("019a2f5e-7c1b-7d3a-9e4f-0000000000{last:02}")).unwrap()
    }

    /// A ledger that has nothing when it is asked, so many times.
    fn empty(times: usize) -> MockOrderLedger {
        let mut ledger = MockOrderLedger::new();
        ledger.expect_find().times(times).returning(|_| Ok(None));
        ledger
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_told_without_asking_again() {
        let (waits, ledger) = (OrderWaits::default(), empty(3));
        let start = Instant::now();
        let telling = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            assert_eq!(waits.ids().len(), 2);
            waits.tell([recorded(id(1)), recorded(id(3)), recorded(id(2))]);
        };
        let wait = |order| waits.wait_for(&ledger, order, LONG);
        let (first, second, other, ()) = tokio::join!(wait(id(1)), wait(id(1)), wait(id(2)), telling);
        for found in [first, second] {
            assert_eq!(found.unwrap(), Some(recorded(id(1))));
        }
        assert_eq!(other.unwrap(), Some(recorded(id(2))));
        assert_eq!(start.elapsed(), Duration::from_secs(2));
        assert!(waits.ids().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_end_of_the_time_the_ledger_is_asked_once_more() {
        let waits = OrderWaits::default();
        let mut asked = 0;
        let mut ledger = MockOrderLedger::new();
        ledger.expect_find().times(2).returning(move |id| {
            asked += 1;
            Ok((asked == 2).then(|| recorded(id)))
        });
        let start = Instant::now();
        assert_eq!(waits.wait_for(&ledger, id(1), LONG).await.unwrap(), Some(recorded(id(1))));
        assert_eq!(start.elapsed(), LONG);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_recorded_while_the_ledger_is_asked_is_told() {
        let waits = OrderWaits::default();
        let mut ledger = MockOrderLedger::new();
        let telling = waits.clone();
        ledger.expect_find().once().returning(move |id| {
            telling.tell([recorded(id)]);
            Ok(None)
        });
        let start = Instant::now();
        assert_eq!(waits.wait_for(&ledger, id(1), LONG).await.unwrap(), Some(recorded(id(1))));
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_ends_early_leaves_nothing_behind() {
        let (waits, ledger) = (OrderWaits::default(), empty(3));
        let leaving = tokio::time::timeout(Duration::from_secs(1), waits.wait_for(&ledger, id(1), LONG));
        let staying = waits.wait_for(&ledger, id(1), Duration::from_secs(2));
        let (left, stayed) = tokio::join!(leaving, staying);
        assert!(left.is_err());
        assert_eq!(stayed.unwrap(), None);
        assert!(waits.ids().is_empty());
    }

    #[tokio::test]
    async fn a_ledger_that_is_away_ends_the_wait() {
        let waits = OrderWaits::default();
        let mut ledger = MockOrderLedger::new();
        ledger.expect_find().returning(|_| Err(PortError::unavailable("billing database", "gone")));
        assert!(waits.wait_for(&ledger, id(1), LONG).await.unwrap_err().is_transient());
        assert!(waits.ids().is_empty());
    }
}
