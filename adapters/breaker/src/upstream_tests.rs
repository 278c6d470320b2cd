use std::cell::Cell;
use std::future::{Ready, ready};

use futures_util::future::join_all;
use keeper_ports::PortError;
use prometheus::Registry;
use tokio::time::{Instant, advance, sleep};

use super::*;

const TIMEOUT: Duration = Duration::from_secs(5);

fn upstream(max_calls: usize) -> (Upstream, Registry) {
    let registry = Registry::new();
    (Upstream::new("inventory", max_calls, &BreakerMetrics::register(&registry).unwrap()), registry)
}

/// What the metric says, in its words.
fn state(registry: &Registry) -> &'static str {
    let value = registry.gather()[0].get_metric()[0].get_gauge().get_value();
    ["closed", "half-open", "open"][[0.0, 1.0, 2.0].iter().position(|known| value.eq(known)).unwrap()]
}

fn answers() -> Ready<PortResult<&'static str>> {
    ready(Ok("answer"))
}

async fn hangs() -> PortResult<&'static str> {
    sleep(TIMEOUT).await;
    Err(PortError::timed_out("inventory", "no answer"))
}

/// Calls beside each other that hang, and open the breaker.
async fn sicken(upstream: &Upstream) {
    let results = join_all((0..5).map(|_| upstream.call(hangs()))).await;
    assert!(results.iter().all(Result::is_err));
}

#[tokio::test(start_paused = true)]
async fn while_nothing_answers_calls_fail_at_once_but_for_one_now_and_then() {
    let (upstream, registry) = upstream(1_000);
    assert!(upstream.call(answers()).await.is_ok());
    assert_eq!(state(&registry), "closed");
    // Calls come all the time, as many as a hundred a second, for thirty seconds.
    let hung = Cell::new(0);
    let calls = (0..3_000).map(|number| {
        let (upstream, hung) = (&upstream, &hung);
        async move {
            sleep(Duration::from_millis(number * 10)).await;
            let begun = Instant::now();
            assert!(upstream.call(hangs()).await.is_err());
            match begun.elapsed() {
                TIMEOUT => hung.set(hung.get() + 1),
                took => assert_eq!(took, Duration::ZERO),
            }
        }
    });
    join_all(calls).await;
    // Those that came before the fifth had stalled. Then one at a time, with pauses of one, two and four seconds.
    let tried = hung.get() - 104;
    assert!((3..=5).contains(&tried), "{tried} were tried");
    assert_eq!(state(&registry), "open");
}

/// An upstream that is slow answers all the same.
#[tokio::test(start_paused = true)]
async fn a_trial_that_takes_long_is_waited_for() {
    let (upstream, registry) = upstream(100);
    sicken(&upstream).await;
    let slow = upstream.call(async {
        sleep(Duration::from_secs(3)).await;
        answers().await
    });
    assert!(slow.await.is_ok());
    assert_eq!(state(&registry), "closed");
}

#[tokio::test(start_paused = true)]
async fn an_answer_closes_it() {
    let (upstream, registry) = upstream(100);
    sicken(&upstream).await;
    assert_eq!(upstream.call(answers()).await.unwrap(), "answer");
    assert_eq!(state(&registry), "closed");
    let results = join_all((0..50).map(|_| upstream.call(answers()))).await;
    assert!(results.iter().all(Result::is_ok));
}

/// The first call hung and another one, of a slower kind, is answered: the upstream is alive.
#[tokio::test(start_paused = true)]
async fn a_late_answer_closes_it_too() {
    let (upstream, registry) = upstream(100);
    let slow = upstream.call(async {
        sleep(Duration::from_secs(3)).await;
        answers().await
    });
    let others = join_all((0..5).map(|_| upstream.call(hangs())));
    let looks = async {
        sleep(Duration::from_secs(2)).await;
        assert_eq!(state(&registry), "open");
        sleep(Duration::from_secs(2)).await;
        assert_eq!(state(&registry), "closed");
    };
    let (slow, _, ()) = tokio::join!(slow, others, looks);
    assert!(slow.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_few_slow_calls_open_nothing() {
    let (upstream, registry) = upstream(100);
    let slow = || {
        upstream.call(async {
            sleep(Duration::from_secs(2)).await;
            answers().await
        })
    };
    for _ in 0..10 {
        assert!(join_all((0..4).map(|_| slow())).await.iter().all(Result::is_ok));
    }
    // Nor do those that come beside others which are answered.
    let answered = async {
        for _ in 0..30 {
            sleep(Duration::from_millis(100)).await;
            assert!(upstream.call(answers()).await.is_ok());
        }
    };
    tokio::join!(answered, async {
        for _ in 0..30 {
            drop(tokio::time::timeout(Duration::from_millis(90), slow()).await);
        }
    });
    assert_eq!(state(&registry), "closed");
}

#[tokio::test(start_paused = true)]
async fn a_trial_whose_caller_leaves_is_followed_by_another() {
    let (upstream, registry) = upstream(100);
    sicken(&upstream).await;
    let left = tokio::time::timeout(Duration::from_millis(10), upstream.call(hangs())).await;
    assert!(left.is_err(), "it was tried");
    assert_eq!(state(&registry), "open");
    assert!(upstream.call(answers()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_trial_that_is_refused_is_followed_by_a_pause() {
    let (upstream, _registry) = upstream(100);
    sicken(&upstream).await;
    let refused = async { Err::<(), _>(PortError::unavailable("inventory", "connection refused")) };
    assert!(upstream.call(refused).await.is_err());
    let at_once = upstream.call(answers()).await;
    assert!(matches!(at_once, Err(PortError::Unavailable { .. })), "{at_once:?}");
    advance(Duration::from_secs(2)).await;
    assert!(upstream.call(answers()).await.is_ok());
}

/// What fails at once costs nobody time: there is nothing to spare.
#[tokio::test(start_paused = true)]
async fn failures_that_are_quick_open_nothing() {
    let (upstream, registry) = upstream(100);
    for _ in 0..100 {
        let refused = async { Err::<(), _>(PortError::unavailable("inventory", "connection refused")) };
        assert!(upstream.call(refused).await.is_err());
    }
    assert_eq!(state(&registry), "closed");
    assert!(upstream.call(answers()).await.is_ok());
}

/// A caller that asks to wait is no stall, until it has waited for longer than it asked for.
#[tokio::test(start_paused = true)]
async fn who_asks_to_wait_is_not_stalled() {
    let (upstream, registry) = upstream(100);
    let wait = Duration::from_secs(3);
    let waits = (0..10).map(|_| {
        upstream.call_for(wait, async {
            sleep(wait).await;
            answers().await
        })
    });
    assert!(join_all(waits).await.iter().all(Result::is_ok));
    assert_eq!(state(&registry), "closed");
    join_all((0..5).map(|_| upstream.call_for(wait, hangs()))).await;
    assert_eq!(state(&registry), "open");
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_are_under_way_than_it_may_have() {
    let (upstream, _registry) = upstream(4);
    let busy = join_all((0..4).map(|_| upstream.call(hangs())));
    let more = async {
        sleep(Duration::from_millis(1)).await;
        let begun = Instant::now();
        let more = upstream.call(answers()).await;
        assert!(matches!(more, Err(PortError::Unavailable { .. })), "{more:?}");
        assert_eq!(begun.elapsed(), Duration::ZERO);
    };
    tokio::join!(busy, more);
    assert!(upstream.call(answers()).await.is_ok());
}

/// An answer of an earlier call comes while one is tried, and the trial comes to nothing.
#[tokio::test(start_paused = true)]
async fn a_trial_that_comes_to_nothing_takes_no_answer_back() {
    for leaves in [false, true] {
        let (upstream, registry) = upstream(100);
        let slow = upstream.call(async {
            sleep(Duration::from_millis(2_500)).await;
            answers().await
        });
        let others = join_all((0..5).map(|_| upstream.call(hangs())));
        let trial = async {
            sleep(Duration::from_millis(2_200)).await;
            assert_eq!(state(&registry), "open");
            let fails = upstream.call(async {
                sleep(Duration::from_millis(600)).await;
                Err::<(), _>(PortError::unavailable("inventory", "connection reset"))
            });
            let limit = Duration::from_millis(if leaves { 500 } else { 5_000 });
            assert_eq!(tokio::time::timeout(limit, fails).await.is_err(), leaves);
            assert_eq!(state(&registry), "closed");
        };
        let (slow, _, ()) = tokio::join!(slow, others, trial);
        assert!(slow.is_ok());
    }
}
