//! The contract of [`OrderBook`], as any of its users sees it: the use case, or the same over HTTP.

use std::sync::Arc;
use std::time::{Duration, Instant};

use keeper_domain::RecordedOrder;
use keeper_ports::billing::{OrderBook, OrderLedger};

use super::samples::{at, order, page, user};

/// The book under test, and the ledger that it reads.
pub struct Subject {
    /// The book.
    pub book: Arc<dyn OrderBook>,
    /// Where the cases put what they look for.
    pub ledger: Arc<dyn OrderLedger>,
}

/// Makes a test of each case.
#[macro_export]
macro_rules! order_book_contract {
    ($fixture:path) => {
        $crate::contract_tests!(
            order_book,
            $fixture,
            [
                a_recorded_order_is_found,
                an_order_that_is_not_recorded_is_no_error,
                a_wait_ends_when_the_order_is_recorded,
                a_wait_ends_when_the_time_is_up,
                a_users_orders_are_listed_page_by_page,
            ]
        );
    };
}

pub async fn a_recorded_order_is_found(Subject { book, ledger }: Subject) {
    let order = order("user 🎬 '%_\\&?/");
    ledger.insert(vec![order.clone()], at(1_700_000_000_456)).await.unwrap();
    let expected = RecordedOrder { order: order.clone(), recorded_at: at(1_700_000_000_456) };
    for wait in [Duration::ZERO, Duration::from_secs(5)] {
        assert_eq!(book.find(order.id, wait).await.unwrap(), Some(expected.clone()));
    }
    let listed = book.list(order.draft.user, page(None, 10)).await.unwrap();
    assert_eq!((listed.items, listed.more), (vec![expected], false));
}

pub async fn an_order_that_is_not_recorded_is_no_error(Subject { book, .. }: Subject) {
    assert_eq!(book.find(order("20").id, Duration::ZERO).await.unwrap(), None);
    assert!(book.list(user("nobody"), page(None, 10)).await.unwrap().items.is_empty());
}

pub async fn a_wait_ends_when_the_order_is_recorded(Subject { book, ledger }: Subject) {
    let order = order("20");
    let start = Instant::now();
    let recording = async {
        // Most of the time this is when the book waits; at any other time it finds the order.
        tokio::time::sleep(Duration::from_millis(200)).await;
        ledger.insert(vec![order.clone()], at(1)).await.unwrap();
    };
    let (found, ()) = tokio::join!(book.find(order.id, Duration::from_secs(20)), recording);
    assert_eq!(found.unwrap().unwrap().order, order);
    assert!(start.elapsed() < Duration::from_secs(10));
}

pub async fn a_wait_ends_when_the_time_is_up(Subject { book, .. }: Subject) {
    let start = Instant::now();
    assert_eq!(book.find(order("20").id, Duration::from_secs(1)).await.unwrap(), None);
    assert!((Duration::from_millis(900)..Duration::from_secs(10)).contains(&start.elapsed()));
}

pub async fn a_users_orders_are_listed_page_by_page(Subject { book, ledger }: Subject) {
    let orders: Vec<_> = (0..7).map(|_| order("20")).collect();
    for one in &orders {
        ledger.insert(vec![one.clone(), order("21")], at(1)).await.unwrap();
    }
    let (mut walked, mut after) = (Vec::new(), None);
    loop {
        let slice = book.list(user("20"), page(after, 3)).await.unwrap();
        after = slice.items.last().map(|recorded| recorded.order.id);
        walked.extend(slice.items.into_iter().map(|recorded| recorded.order));
        if !slice.more {
            break;
        }
    }
    assert_eq!(walked, orders);
    let after = page(Some(order("20").id), 3);
    assert!(book.list(user("20"), after).await.unwrap().items.is_empty());
}
