use std::time::{Duration, Instant};

use keeper_tests::harness::{Unit, eventually};
use serde_json::{Value, json};

use super::client::{PATIENCE, Raw, get, metric, standalone};

#[tokio::test]
async fn the_oldest_idle_connection_makes_room() {
    let unit = standalone(&[("KEEPER_HTTP__MAX_CONNECTIONS", "3")]).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = Raw::to(&unit).await;
        client.send(get("/api/movies")).await;
        assert_eq!(client.answer().await.status, 200);
        clients.push(client);
        // Idle times are told apart by milliseconds.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut fourth = Raw::to(&unit).await;
    fourth.send(get("/api/movies")).await;
    assert_eq!(fourth.answer().await.status, 200);
    assert!(clients[0].ends_within(PATIENCE).await);
    assert!(!clients[2].ends_within(Duration::from_millis(300)).await);
    assert_eq!(metric(&unit, "http_connections").await, Some(3.0));
    assert_eq!(metric(&unit, "http_in_flight").await, Some(0.0));
}

#[tokio::test]
async fn half_sent_requests_keep_nobody_out_and_take_little_memory() {
    let unit = standalone(&[]).await;
    let before = unit.peak_memory().expect("it runs");
    let mut clients = Vec::new();
    for number in 0..900 {
        let client = Raw::to(&unit).await;
        // As much as it takes; it may be closed for another, or refused.
        let _ = client
            .0
            .try_write(format!("GET /{number} HTTP/1.1\r\nX-Long: {}", "x".repeat(400_000)).as_bytes());
        clients.push(client);
    }
    let begin = Instant::now();
    assert_eq!(unit.api().get("/api/movies").await.status, 200);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    unit.ready().await;
    let grown = unit.peak_memory().expect("it runs") - before;
    assert!(grown < 96 * 1024, "{grown} KiB");
}

#[tokio::test]
async fn with_no_descriptor_left_both_ports_answer() {
    let unit = standalone(&[]).await;
    // Those of the running process: what is left is less than the API may have connections.
    unit.limit_descriptors(256);
    let mut clients = Vec::new();
    for _ in 0..400 {
        let client = Raw::to(&unit).await;
        let _ = client.0.try_write(b"GET / HT");
        clients.push(client);
    }
    unit.ready().await;
    assert_eq!(unit.api().get("/api/movies").await.status, 200);
    assert_eq!(unit.management().get("/metrics").await.status, 200);
    let told = unit.log().matches("connections cannot be accepted").count();
    assert!((1..20).contains(&told), "{told} times");
}

/// As under a shell's `ulimit -n`: it says what does not fit, and keeps enough for those who look after it.
#[tokio::test]
async fn a_start_with_few_descriptors_takes_fewer_connections_and_says_so() {
    let unit = Unit::new("standalone", []).with_descriptors(256);
    unit.start();
    unit.ready().await;
    let said = unit.log();
    let warning = said.lines().find(|line| line.contains("fewer connections than http.max_connections"));
    let warning: Value =
        serde_json::from_str(warning.unwrap_or_else(|| panic!("{said}"))).expect("it is JSON");
    assert_eq!((&warning["most"], &warning["wished"]), (&json!(96), &json!(768)), "{warning}");
    let mut idle = Vec::new();
    for _ in 0..400 {
        idle.push(Raw::to(&unit).await);
    }
    unit.ready().await;
    assert_eq!(unit.management().get("/metrics").await.status, 200);
    assert_eq!(unit.api().get("/api/movies").await.status, 200);
    let order = json!({ "user_id": "20", "number_of_items": "3", "total_amount": "180" });
    assert_eq!(unit.api().post("/api/billing", &order).await.status, 200);
    assert!(!unit.log().contains("connections cannot be accepted"), "{}", unit.log());
    assert_eq!(unit.terminate().code(), Some(0));
}

#[tokio::test]
async fn more_than_it_can_do_is_refused_at_once() {
    let unit = standalone(&[("KEEPER_HTTP__MAX_IN_FLIGHT", "1")]).await;
    let absent = "019a2f5e-7c1b-7d3a-9e4f-0123456789ab";
    let mut waiting = Raw::to(&unit).await;
    waiting.send(get(&format!("/api/billing/orders/{absent}?wait=20"))).await;
    eventually("it waits", PATIENCE, async || {
        (metric(&unit, "http_in_flight").await == Some(1.0)).then_some(())
    })
    .await;
    let mut second = Raw::to(&unit).await;
    second.send(get("/api/movies")).await;
    let told = second.answer().await;
    told.is_error(503, "overloaded");
    assert!(told.head.contains("retry-after: 1"), "{}", told.head);
    unit.ready().await;
    // The wait ends with its client.
    drop(waiting);
    eventually("the permit is free", PATIENCE, async || {
        second.send(get("/api/movies")).await;
        (second.answer().await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_waits_leaves_room_for_the_others() {
    let unit = standalone(&[("KEEPER_HTTP__MAX_IN_FLIGHT", "16")]).await;
    let wait = get("/api/billing/orders/019a2f5e-7c1b-7d3a-9e4f-0123456789ab?wait=20");
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let mut client = Raw::to(&unit).await;
        client.send(&wait).await;
        waiting.push(client);
    }
    eventually("they wait", PATIENCE, async || {
        (metric(&unit, "http_in_flight").await == Some(2.0)).then_some(())
    })
    .await;
    let mut third = Raw::to(&unit).await;
    third.send(&wait).await;
    third.answer().await.is_error(503, "overloaded");
    third.send(get("/api/movies")).await;
    assert_eq!(third.answer().await.status, 200);
    drop(waiting);
    eventually("others may wait", PATIENCE, async || {
        third.send(get("/api/billing/orders/019a2f5e-7c1b-7d3a-9e4f-0123456789ab?wait=1")).await;
        (third.answer().await.status == 404).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_request_has_a_deadline() {
    let unit = standalone(&[("KEEPER_HTTP__REQUEST_TIMEOUT_MS", "500")]).await;
    let mut client = Raw::to(&unit).await;
    client.send(get("/api/billing/orders/019a2f5e-7c1b-7d3a-9e4f-0123456789ab?wait=20")).await;
    client.answer().await.is_error(504, "timeout");
    client.send(get("/api/movies")).await;
    assert_eq!(client.answer().await.status, 200);
}
