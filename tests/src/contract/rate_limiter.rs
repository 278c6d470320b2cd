//! The contract of [`RateLimiter`].

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use keeper_domain::{Rate, RatePolicy};
use keeper_ports::access::{Quota, RateLimiter};

/// The limiter under test: `reads` are 600 in 600 s and three at once, `writes` as many and two at once, `orders` two in a
/// second, and `failures` have no limit.
pub struct Subject {
    /// The limiter.
    pub limiter: Arc<dyn RateLimiter>,
}

use RatePolicy::{Failures, Orders, Reads, Writes};

/// Makes a test of each case.
#[macro_export]
macro_rules! rate_limiter_contract {
    ($fixture:path) => {
        $crate::contract_tests!(
            rate_limiter,
            $fixture,
            [
                what_is_left_is_told_with_each_call,
                callers_and_policies_do_not_take_from_each_other,
                a_caller_with_a_rate_of_their_own_is_counted_by_it,
                no_more_than_the_burst_is_granted_at_once,
                what_was_taken_is_back_at_the_reset,
                a_policy_without_a_limit_counts_nobody,
            ]
        );
    };
}

impl Subject {
    async fn take(&self, policy: RatePolicy, caller: &str) -> Quota {
        self.limiter.take(policy, caller.to_owned(), None).await.unwrap().expect("it has a limit")
    }

    async fn take_own(&self, policy: RatePolicy, caller: &str, own: Rate) -> Quota {
        self.limiter.take(policy, caller.to_owned(), Some(own)).await.unwrap().expect("it has a limit")
    }
}

fn own(requests: u32, window_s: u32, burst: u32) -> Rate {
    Rate::new(requests, window_s, burst).unwrap()
}

pub async fn what_is_left_is_told_with_each_call(subject: Subject) {
    for remaining in [2, 1, 0] {
        let quota = subject.take(Reads, "anna").await;
        assert!(quota.granted && quota.remaining == remaining, "{quota:?}");
        assert_eq!((quota.limit, quota.window), (600, Duration::from_mins(10)));
        // One comes back each second, and all must be there again.
        let gone = Duration::from_secs(u64::from(3 - remaining));
        assert!(quota.reset <= gone && quota.reset + Duration::from_secs(1) > gone, "{quota:?}");
    }
    let refused = subject.take(Reads, "anna").await;
    assert!(!refused.granted && refused.remaining == 0 && refused.limit == 600, "{refused:?}");
    assert!(refused.reset > Duration::ZERO && refused.reset <= Duration::from_secs(1), "{refused:?}");
}

pub async fn callers_and_policies_do_not_take_from_each_other(subject: Subject) {
    for (policy, burst) in [(Reads, 3), (Writes, 2)] {
        for caller in ["anna", "boris", "anna ", "Anna", "", "api_key:anna"] {
            for taken in 0..burst {
                assert!(subject.take(policy, caller).await.granted, "{policy:?} {caller:?} {taken}");
            }
            assert!(!subject.take(policy, caller).await.granted, "{policy:?} {caller:?}");
        }
    }
}

pub async fn a_caller_with_a_rate_of_their_own_is_counted_by_it(subject: Subject) {
    let rate = own(900, 900, 5);
    for caller in ["anna", "boris"] {
        for remaining in [4, 3, 2, 1, 0] {
            let quota = subject.take_own(Reads, caller, rate).await;
            assert!(quota.granted && quota.remaining == remaining, "{caller}: {quota:?}");
            assert_eq!((quota.limit, quota.window), (900, Duration::from_mins(15)));
        }
        let refused = subject.take_own(Reads, caller, rate).await;
        assert!(!refused.granted && refused.limit == 900, "{caller}: {refused:?}");
    }
    // The same rate under another policy, and those without one of their own, have all that is theirs.
    assert_eq!(subject.take_own(Writes, "anna", rate).await.remaining, 4);
    assert_eq!(subject.take(Reads, "clara").await.remaining, 2);
    // Where others have no limit, they have theirs.
    let least = own(1, 900, 1);
    assert!(subject.take_own(Failures, "anna", least).await.granted);
    assert!(!subject.take_own(Failures, "anna", least).await.granted);
}

pub async fn no_more_than_the_burst_is_granted_at_once(subject: Subject) {
    let rate = own(50, 50_000, 40);
    for own in [None, Some(rate)] {
        let calls = (0..200).map(|_| {
            let limiter = Arc::clone(&subject.limiter);
            tokio::spawn(
                async move { limiter.take(Writes, "anna".into(), own).await.unwrap().unwrap().granted },
            )
        });
        let granted = join_all(calls).await.into_iter().filter(|granted| *granted.as_ref().unwrap()).count();
        assert_eq!(granted, own.map_or(2, |_| 40), "{own:?}");
    }
}

pub async fn what_was_taken_is_back_at_the_reset(subject: Subject) {
    for own in [None, Some(own(4, 1, 1))] {
        let take = async || subject.limiter.take(Orders, "anna".into(), own).await.unwrap().unwrap();
        let mut last = take().await;
        while last.granted {
            last = take().await;
        }
        tokio::time::sleep(last.reset).await;
        let next = take().await;
        assert!(next.granted, "{last:?} {next:?}");
        // At the reset of a call that is granted, all are there.
        tokio::time::sleep(next.reset).await;
        let all = take().await;
        assert_eq!(all.remaining, own.map_or(2, Rate::burst) - 1, "{next:?} {all:?}");
    }
}

pub async fn a_policy_without_a_limit_counts_nobody(subject: Subject) {
    for _ in 0..10_000 {
        assert_eq!(subject.limiter.take(Failures, "anna".to_owned(), None).await.unwrap(), None);
    }
}
