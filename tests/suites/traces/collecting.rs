//! A collector that is away, fails, hangs or comes late costs spans, and no request anything.

use std::time::{Duration, Instant};

use keeper_tests::harness::{Answer, Collecting, Collector, Kind, Unit, eventually, free_port};
use keeper_tests::scenarios::metric;
use reqwest::Method;
use serde_json::json;

use crate::{new_trace, traced_stack, traceparent};

async fn dropped(unit: &Unit) -> f64 {
    let metrics = unit.management().get("/metrics").await.expect(200).body;
    metric(&metrics, "telemetry_dropped_total", &[]).expect("it is there from the start")
}

/// Orders and reads go on, spans are counted as dropped, one line of log says so, and the unit ends in time.
async fn goes_on_without(unit: &Unit) {
    unit.start();
    unit.ready().await;
    assert!(dropped(unit).await < 1.0);
    let order = json!({"user_id": 1, "number_of_items": 1, "total_amount": 1});
    eventually("spans are dropped", Duration::from_mins(1), async || {
        let began = Instant::now();
        unit.api().post("/api/billing", &order).await.expect(200);
        unit.api().get("/api/movies").await.expect(200);
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        (dropped(unit).await > 0.0).then_some(())
    })
    .await;
    let began = Instant::now();
    assert_eq!(unit.terminate().code(), Some(0), "{}", unit.log());
    // Three seconds for the spans, and what a stop takes without them.
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(unit.log().matches("the collector takes no spans").count(), 1, "{}", unit.log());
}

fn unit(collector: &str) -> Unit {
    Unit::new("standalone", [])
        .with("KEEPER_TELEMETRY__OTLP_ENDPOINT", collector)
        .with("OTEL_BSP_SCHEDULE_DELAY", "50")
        .with("OTEL_EXPORTER_OTLP_TIMEOUT", "1000")
}

#[tokio::test]
async fn a_collector_that_is_away_costs_spans_only() {
    goes_on_without(&unit(&format!("http://127.0.0.1:{}", free_port()))).await;
}

#[tokio::test]
async fn a_collector_that_fails_costs_spans_only() {
    let collector = Collector::start();
    collector.now(Collecting::Fails);
    goes_on_without(&unit(&collector.url())).await;
}

#[tokio::test]
async fn a_collector_that_hangs_costs_spans_only() {
    let collector = Collector::start();
    collector.now(Collecting::Hangs);
    goes_on_without(&unit(&collector.url())).await;
}

#[tokio::test]
async fn a_collector_that_comes_back_gets_spans_again() {
    let collector = Collector::start();
    collector.now(Collecting::Fails);
    let unit = unit(&collector.url());
    unit.start();
    unit.ready().await;
    eventually("spans are dropped", Duration::from_mins(1), async || {
        unit.api().get("/api/movies").await.expect(200);
        (dropped(&unit).await > 0.0).then_some(())
    })
    .await;
    collector.now(Collecting::Takes);
    let trace_id = new_trace();
    let request =
        unit.api().request(Method::GET, "/api/movies").header("traceparent", traceparent(&trace_id));
    Answer::of(request).await.expect(200);
    collector.trace(&trace_id, 2);
    assert_eq!(unit.log().matches("the collector takes spans again").count(), 1, "{}", unit.log());
}

/// They wait for a minute here; the stop does not leave them behind.
#[tokio::test]
async fn what_waits_is_sent_at_a_stop() {
    let collector = Collector::start();
    let stack = traced_stack(Kind::Standalone, &collector, &[("OTEL_BSP_SCHEDULE_DELAY", "60000")]).await;
    let trace_id = new_trace();
    let request =
        stack.api().request(Method::GET, "/api/movies").header("traceparent", traceparent(&trace_id));
    Answer::of(request).await.expect(200);
    assert_eq!(stack.front().terminate().code(), Some(0));
    assert_eq!(collector.trace(&trace_id, 2).len(), 2);
}
