//! What every implementation of a port is held to: one suite per port, generic over the implementation.
//!
//! A suite is a list of cases, each an async function over a fresh subject. [`contract_tests!`](crate::contract_tests)
//! makes a test of each:
//!
//! ```ignore
//! keeper_tests::movie_repository_contract!(fixture);
//! ```
//!
//! where `fixture` is an async function that gives the subject and whatever must live as long as it does.

pub mod credentials;
mod looking_after_dead_letters;
pub mod movie_catalog;
pub mod movie_repository;
mod movie_states;
pub mod order_book;
pub mod order_ledger;
pub mod order_queue;
pub mod rate_limiter;
pub mod rows;
pub mod samples;
mod trace;
pub mod typed_titles;

use std::time::Duration;

use async_trait::async_trait;
use keeper_domain::{OrderId, Timestamp};
use keeper_ports::Clock;
use keeper_ports::billing::OrderIds;

/// The real time.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        chrono::Utc::now().into()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// New ids, each once.
#[derive(Debug, Clone, Copy)]
pub struct FreshIds;

impl OrderIds for FreshIds {
    fn next(&self) -> OrderId {
        OrderId::new(uuid::Uuid::now_v7())
    }
}

/// Makes a test of each case of a suite, in a module of the suite's name.
#[macro_export]
macro_rules! contract_tests {
    ($suite:ident, $fixture:path, [$($case:ident),+ $(,)?]) => {
        mod $suite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let (subject, _kept) = $fixture().await;
                    $crate::contract::$suite::$case(subject).await;
                }
            )+
        }
    };
}
