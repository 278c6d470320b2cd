use std::time::{Duration, Instant};

use super::client::{PATIENCE, Raw, get, metric, standalone};
use keeper_tests::harness::eventually;

const ABSENT: &str = "/api/billing/orders/019a2f5e-7c1b-7d3a-9e4f-0123456789ab?wait=20";

#[tokio::test]
async fn a_stop_waits_for_nobody_who_says_nothing() {
    let unit = standalone(&[]).await;
    let _silent = Raw::to(&unit).await;
    let mut used = Raw::to(&unit).await;
    used.send(get("/api/movies")).await;
    assert_eq!(used.answer().await.status, 200);
    let mut half = Raw::to(&unit).await;
    half.send("GET /api/mov").await;
    let mut asking = Raw::to(&unit).await;
    asking.send(get(ABSENT)).await;
    eventually("it waits", PATIENCE, async || {
        (metric(&unit, "http_in_flight").await == Some(1.0)).then_some(())
    })
    .await;
    let begin = Instant::now();
    unit.signal("TERM");
    // What is in flight is answered.
    assert_eq!(asking.answer().await.status, 404);
    assert_eq!(unit.ended().code(), Some(0), "{}", unit.log());
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    for (signal, status) in [("INT", 130), ("TERM", 143)] {
        let unit = standalone(&[]).await;
        // What holds the stop up: a body that is coming.
        let mut slow = Raw::to(&unit).await;
        slow.send("POST /api/movies HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{").await;
        unit.signal(signal);
        eventually("it is stopping", PATIENCE, async || unit.log().contains("stopping").then_some(())).await;
        let begin = Instant::now();
        unit.signal(signal);
        assert_eq!(unit.ended().code(), Some(status), "{}", unit.log());
        assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    }
}
