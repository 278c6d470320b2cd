use std::collections::VecDeque;
use std::fmt::{self, Display, Formatter};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

/// So many accepted orders are waited for at most; while there are more, nothing is ordered.
const MOST_WAITING: usize = 100_000;

/// What became of the orders.
#[derive(Debug, Default)]
pub(crate) struct Account {
    orders: Mutex<Orders>,
    /// An order came, or the last one that was looked at has gone.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Orders {
    balance: Balance,
    waiting: VecDeque<Accepted>,
    looked_at: usize,
    unseen: Vec<Accepted>,
}

/// An order that was accepted.
#[derive(Debug, Clone)]
pub(crate) struct Accepted {
    pub(crate) id: String,
    pub(crate) at: Instant,
}

/// The orders' numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Balance {
    /// Those that the gateway said it accepted.
    pub(crate) accepted: u64,
    /// Those that were read back.
    pub(crate) recorded: u64,
    /// Those that lie among the dead letters.
    pub(crate) dead: u64,
    /// Those of which nobody knows whether they were accepted: each attempt failed, for as long as it was made.
    pub(crate) unclear: u64,
}

impl Account {
    /// There is room to wait for one more.
    pub(crate) fn has_room(&self) -> bool {
        self.orders().waiting.len() < MOST_WAITING
    }

    pub(crate) fn accepted(&self, id: String) {
        let mut orders = self.orders();
        orders.balance.accepted += 1;
        orders.waiting.push_back(Accepted { id, at: Instant::now() });
        drop(orders);
        self.changed.notify_waiters();
    }

    pub(crate) fn unclear(&self) {
        self.orders().balance.unclear += 1;
    }

    /// The order that has not been looked at for longest, once there is one. It comes back by one of the three calls below.
    pub(crate) async fn next(&self) -> Accepted {
        loop {
            let changed = self.changed.notified();
            {
                let mut orders = self.orders();
                if let Some(order) = orders.waiting.pop_front() {
                    orders.looked_at += 1;
                    return order;
                }
            }
            changed.await;
        }
    }

    pub(crate) fn recorded(&self) {
        self.looked_at(|orders| orders.balance.recorded += 1);
    }

    pub(crate) fn not_yet(&self, order: Accepted) {
        self.looked_at(|orders| orders.waiting.push_back(order));
    }

    /// It was waited for long enough.
    pub(crate) fn unseen(&self, order: Accepted) {
        self.looked_at(|orders| orders.unseen.push(order));
    }

    fn looked_at(&self, change: impl FnOnce(&mut Orders)) {
        let mut orders = self.orders();
        orders.looked_at -= 1;
        change(&mut orders);
        drop(orders);
        self.changed.notify_waiters();
    }

    /// No order is waited for any more.
    pub(crate) async fn settled(&self) {
        loop {
            let changed = self.changed.notified();
            {
                let orders = self.orders();
                if orders.waiting.is_empty() && orders.looked_at == 0 {
                    return;
                }
            }
            changed.await;
        }
    }

    /// Takes the orders that were not seen: each is recorded, dead, or missing.
    pub(crate) fn take_unseen(&self) -> Vec<Accepted> {
        std::mem::take(&mut self.orders().unseen)
    }

    /// Of those that were not seen, so many were found after all.
    pub(crate) fn found(&self, recorded: u64, dead: u64) {
        let mut orders = self.orders();
        orders.balance.recorded += recorded;
        orders.balance.dead += dead;
    }

    pub(crate) fn balance(&self) -> Balance {
        self.orders().balance
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Balance {
    /// Accepted orders that are nowhere.
    pub(crate) fn missing(self) -> u64 {
        self.accepted.saturating_sub(self.recorded + self.dead)
    }

    pub(crate) fn is_even(self) -> bool {
        self.missing() == 0
    }
}

impl Display for Balance {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        let Self { accepted, recorded, dead, unclear } = self;
        write!(to, "orders: {accepted} accepted = {recorded} recorded + {dead} dead letters")?;
        match self.missing() {
            0 => {}
            missing => write!(to, " + {missing} that were NOT FOUND")?,
        }
        if *unclear > 0 {
            write!(to, "; of {unclear} more nobody knows whether they were accepted")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn each_order_is_accounted_for() {
        let account = Arc::new(Account::default());
        for id in ["a", "b", "c", "d"] {
            account.accepted(id.to_owned());
        }
        account.unclear();
        let settled = tokio::spawn({
            let account = Arc::clone(&account);
            async move { account.settled().await }
        });
        assert_eq!(account.next().await.id, "a");
        account.recorded();
        let b = account.next().await;
        account.not_yet(b);
        for id in ["c", "d", "b"] {
            let order = account.next().await;
            assert_eq!(order.id, id);
            assert!(!settled.is_finished());
            account.unseen(order);
        }
        settled.await.unwrap();
        let unseen: Vec<_> = account.take_unseen().into_iter().map(|order| order.id).collect();
        assert_eq!(unseen, ["c", "d", "b"]);
        account.found(1, 1);
        let balance = account.balance();
        assert_eq!(balance, Balance { accepted: 4, recorded: 2, dead: 1, unclear: 1 });
        assert!(!balance.is_even());
        assert_eq!(
            balance.to_string(),
            "orders: 4 accepted = 2 recorded + 1 dead letters + 1 that were NOT FOUND; of 1 more nobody knows \
             whether they were accepted"
        );
        account.found(1, 0);
        assert!(account.balance().is_even());
    }

    #[tokio::test]
    async fn whoever_waits_for_an_order_gets_the_next_one() {
        let account = Arc::new(Account::default());
        let waiting = tokio::spawn({
            let account = Arc::clone(&account);
            async move { account.next().await.id }
        });
        tokio::task::yield_now().await;
        account.accepted("a".to_owned());
        assert_eq!(waiting.await.unwrap(), "a");
    }
}
