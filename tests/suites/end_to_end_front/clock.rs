use keeper_tests::harness::{Unit, eventually, faketime};
use serde_json::json;

use super::client::PATIENCE;

fn standalone_at(time: &str) -> Unit {
    Unit::new("standalone", [])
        .with("LD_PRELOAD", &faketime())
        .with("FAKETIME", time)
        .with("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .with("TZ", "UTC")
}

/// Hyper has no date for its answers before 1970, so there are none. What is accepted afterwards is as good as any.
#[tokio::test]
async fn a_unit_works_as_soon_as_its_clock_is_set() {
    let unit = standalone_at("@1969-12-31 23:59:57");
    unit.start();
    unit.ready().await;
    let order = json!({ "user_id": 20, "number_of_items": 1, "total_amount": 1 });
    let order = unit.api().post("/api/billing", &order).await.expect(200);
    let address = order.header("Location").expect("it says where");
    let recorded = unit.api().get(&format!("{address}?wait=20")).await.expect(200);
    assert!(
        recorded.json()["createdAt"].as_str().is_some_and(|time| time.starts_with("1970")),
        "{}",
        recorded.body
    );
    assert!(unit.log().contains("the system's clock is before 1970"), "{}", unit.log());
}

#[tokio::test]
async fn a_unit_lives_however_wrong_its_clock_is() {
    for time in ["@1960-06-01 12:00:00", "@2150-01-01 00:00:00"] {
        let unit = standalone_at(time);
        unit.start();
        eventually("it listens", PATIENCE, async || unit.log().contains("listening").then_some(())).await;
        for _ in 0..10 {
            let request = unit.api().request(reqwest::Method::GET, "/api/movies");
            let _ = keeper_tests::harness::Answer::try_of(request).await;
        }
        assert_eq!(unit.terminate().code(), Some(0), "{time}: {}", unit.log());
    }
}
