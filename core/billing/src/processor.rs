use std::sync::Arc;

use async_trait::async_trait;
use keeper_domain::{Order, Recording};
use keeper_ports::billing::{OrderHandler, OrderLedger};
use keeper_ports::{Clock, PortError, PortResult};

/// Records orders, and keeps a batch from failing for one order's sake.
pub struct Processor {
    ledger: Arc<dyn OrderLedger>,
    clock: Arc<dyn Clock>,
}

impl Processor {
    /// Assembles the use case.
    pub fn new(ledger: Arc<dyn OrderLedger>, clock: Arc<dyn Clock>) -> Self {
        Self { ledger, clock }
    }
}

#[async_trait]
impl OrderHandler for Processor {
    async fn handle(&self, batch: Vec<Order>) -> PortResult<Vec<Recording>> {
        let mut outcomes = Vec::with_capacity(batch.len());
        // Parts that are still to be recorded, the next one last. A part that the ledger refuses is halved until the
        // order at fault stands alone: the others cost a logarithm, not a transaction each.
        let mut parts = vec![batch];
        while let Some(mut part) = parts.pop() {
            match self.ledger.record(part.clone(), self.clock.now()).await {
                Ok(part_outcomes) => outcomes.extend(part_outcomes),
                Err(PortError::Failed { .. }) if part.len() > 1 => {
                    let second = part.split_off(part.len() / 2);
                    parts.extend([second, part]);
                }
                Err(error @ PortError::Failed { .. }) => outcomes.push(Recording::Rejected(error.chain())),
                Err(transient) => return Err(transient),
            }
        }
        Ok(outcomes)
    }
}

#[cfg(test)]
mod tests {
    use keeper_domain::{ItemCount, Money, OrderDraft, OrderId, Timestamp, UserId};
    use keeper_ports::MockClock;
    use keeper_ports::billing::MockOrderLedger;

    use super::*;

    fn order(user: &str) -> Order {
        let user = UserId::new(user).unwrap();
        let key = keeper_domain::IdempotencyKey::new("k").unwrap();
        let draft = OrderDraft {
            items: ItemCount::new(1).unwrap(),
            total: Money::parse("total_amount", "1").unwrap(),
            user: user.clone(),
        };
        Order { id: OrderId::derive(&user, &key), draft, created_at: Timestamp::from_millis(0).unwrap() }
    }

    fn processor(ledger: MockOrderLedger) -> Processor {
        let mut clock = MockClock::new();
        clock.expect_now().returning(|| Timestamp::from_millis(9).unwrap());
        Processor::new(Arc::new(ledger), Arc::new(clock))
    }

    #[tokio::test]
    async fn a_batch_is_one_call_and_each_outcome_is_handed_on() {
        let said = vec![Recording::Recorded, Recording::AlreadyRecorded, Recording::Conflict];
        let answer = said.clone();
        let mut ledger = MockOrderLedger::new();
        ledger
            .expect_record()
            .withf(|batch, now| batch.len() == 3 && now.as_millis() == 9)
            .once()
            .return_once(|_, _| Ok(answer));
        let outcomes = processor(ledger).handle(vec![order("a"), order("b"), order("c")]).await.unwrap();
        assert_eq!(outcomes, said);
    }

    #[tokio::test]
    async fn an_order_that_the_ledger_refuses_does_not_take_the_others_with_it() {
        let mut ledger = MockOrderLedger::new();
        ledger.expect_record().returning(|batch, _| {
            if batch.iter().any(|order| order.draft.user.as_str() == "bad") {
                return Err(PortError::failed("billing database", "check constraint"));
            }
            Ok(vec![Recording::Recorded; batch.len()])
        });
        let batch: Vec<_> = ["a", "b", "bad", "c", "bad", "d", "e"].map(order).into();
        let outcomes = processor(ledger).handle(batch).await.unwrap();
        let recorded: Vec<_> = outcomes.iter().map(|outcome| *outcome == Recording::Recorded).collect();
        assert_eq!(recorded, [true, true, false, true, false, true, true]);
        assert_eq!(outcomes[2], Recording::Rejected("billing database failed: check constraint".into()));
    }

    #[tokio::test]
    async fn a_ledger_that_is_away_settles_nothing() {
        for transient in [PortError::unavailable, PortError::timed_out] {
            let mut ledger = MockOrderLedger::new();
            ledger
                .expect_record()
                .once()
                .returning(move |_, _| Err(transient("billing database", "gone".to_owned())));
            assert!(processor(ledger).handle(vec![order("a"), order("b")]).await.unwrap_err().is_transient());
        }
    }
}
