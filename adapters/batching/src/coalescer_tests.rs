use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;
use tokio::task::{JoinSet, yield_now};

use super::*;

/// Doubles numbers, batch by batch, each as soon as a permit is there; refuses a batch with 13 in it, panics at 99.
fn doubler() -> (Coalescer<u32, u32>, Arc<Semaphore>, Arc<AtomicUsize>) {
    let (gate, batches) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (wait, count) = (Arc::clone(&gate), Arc::clone(&batches));
    let coalescer = Coalescer::new("doubler", move |calls: Vec<u32>| {
        let wait = Arc::clone(&wait);
        count.fetch_add(1, Ordering::Relaxed);
        async move {
            wait.acquire().await.unwrap().forget();
            assert!(!calls.contains(&99), "99 is out of the question");
            if calls.contains(&13) {
                return Err(PortError::unavailable("doubler", "unlucky"));
            }
            Ok(calls.into_iter().map(|call| Ok(call * 2)).collect())
        }
    });
    (coalescer, gate, batches)
}

async fn called(
    coalescer: &Coalescer<u32, u32>,
    numbers: impl Iterator<Item = u32>,
) -> JoinSet<(u32, PortResult<u32>)> {
    let mut calls = JoinSet::new();
    for number in numbers {
        let coalescer = coalescer.clone();
        calls.spawn(async move { (number, coalescer.call(number).await) });
        // On one thread, everything that can go on does, before the next call comes.
        yield_now().await;
        yield_now().await;
    }
    calls
}

#[tokio::test]
async fn what_comes_meanwhile_is_answered_together_and_each_gets_its_own() {
    let (coalescer, gate, batches) = doubler();
    let mut calls = called(&coalescer, 200..300).await;
    assert_eq!(batches.load(Ordering::Relaxed), MAX_BATCHES, "each batch under way holds one call");
    gate.add_permits(MAX_BATCHES + 1);
    while let Some(answered) = calls.join_next().await {
        let (number, answer) = answered.unwrap();
        assert_eq!(answer.unwrap(), number * 2);
    }
    assert_eq!(batches.load(Ordering::Relaxed), MAX_BATCHES + 1);
}

#[tokio::test]
async fn a_batch_has_a_largest_size() {
    let (coalescer, gate, batches) = doubler();
    let count = u32::try_from(MAX_BATCHES + MAX_CALLS + 1).unwrap();
    let calls = called(&coalescer, 200..200 + count).await;
    gate.add_permits(MAX_BATCHES + 2);
    assert!(calls.join_all().await.into_iter().all(|(number, answer)| answer.unwrap() == number * 2));
    assert_eq!(batches.load(Ordering::Relaxed), MAX_BATCHES + 2);
}

#[tokio::test]
async fn a_failure_keeps_its_meaning_for_each_and_the_next_batch_goes_on() {
    let (coalescer, gate, _) = doubler();
    gate.add_permits(100);
    for numbers in [[13, 14, 15, 16], [1, 2, 3, 4]] {
        for (number, answer) in called(&coalescer, numbers.into_iter()).await.join_all().await {
            match answer {
                Ok(answer) => assert_eq!(answer, number * 2),
                Err(error) => {
                    assert_eq!(error.chain(), "doubler is unavailable: unlucky");
                    assert!(numbers.contains(&13));
                }
            }
        }
    }
}

#[tokio::test]
async fn calls_that_were_given_up_are_dropped() {
    let (coalescer, gate, batches) = doubler();
    let held = called(&coalescer, 200..202).await;
    let mut given_up = called(&coalescer, 300..500).await;
    given_up.shutdown().await;
    let waiting = called(&coalescer, 500..501).await;
    gate.add_permits(100);
    for (number, answer) in held.join_all().await.into_iter().chain(waiting.join_all().await) {
        assert_eq!(answer.unwrap(), number * 2);
    }
    assert_eq!(batches.load(Ordering::Relaxed), MAX_BATCHES + 1);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_hangs_holds_up_its_own_calls_only() {
    let coalescer = Coalescer::new("sleeper", |calls: Vec<u64>| async move {
        tokio::time::sleep(Duration::from_millis(calls.iter().sum())).await;
        Ok(calls.into_iter().map(Ok).collect())
    });
    let call = |millis| {
        let coalescer = coalescer.clone();
        let started = tokio::time::Instant::now();
        tokio::spawn(async move { coalescer.call(millis).await.map(|_| started.elapsed()) })
    };
    // As many as may be under way hang for a minute; what comes then waits until they are overdue, and no longer.
    let mut hanging = Vec::new();
    for _ in 0..MAX_BATCHES {
        hanging.push(call(60_000));
        // Each is a batch of its own: the next one comes when this one is under way.
        for _ in 0..3 {
            yield_now().await;
        }
    }
    assert!(call(1).await.unwrap().unwrap() < OVERDUE_AFTER + Duration::from_millis(10));
    assert!(call(1).await.unwrap().unwrap() < Duration::from_millis(10), "now there is room");
    for hanging in hanging {
        assert!(hanging.await.unwrap().unwrap() >= Duration::from_mins(1), "it is answered all the same");
    }
}

#[tokio::test]
async fn a_panic_costs_its_batch_only() {
    let (coalescer, gate, _) = doubler();
    gate.add_permits(100);
    for _ in 0..=MAX_BATCHES {
        assert!(matches!(coalescer.call(99).await, Err(PortError::Failed { .. })));
    }
    assert_eq!(coalescer.call(4).await.unwrap(), 8);
}
