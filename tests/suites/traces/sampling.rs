//! How many traces are recorded, by the settings and by OpenTelemetry's standard variables.

use keeper_tests::harness::{Answer, Collector, Kind, Unit};
use reqwest::Method;

use crate::{new_trace, traced_stack, traceparent};

/// Makes so many reads without a trace of their own, and one of a trace that the client records; gives the spans of the
/// server that came until that one did.
async fn sampled(settings: &[(&str, &str)], reads: usize) -> usize {
    let collector = Collector::start();
    let stack = traced_stack(Kind::Standalone, &collector, settings).await;
    for _ in 0..reads {
        stack.api().get("/api/movies/1").await.expect(404);
    }
    let trace_id = new_trace();
    let request =
        stack.api().request(Method::GET, "/api/movies/1").header("traceparent", traceparent(&trace_id));
    Answer::of(request).await.expect(404);
    collector.trace(&trace_id, 2);
    let spans = collector.spans();
    spans.iter().filter(|span| span.name == "GET /api/movies/{id}" && span.trace_id != trace_id).count()
}

#[tokio::test]
async fn as_many_are_recorded_as_the_settings_say() {
    let ratio = "KEEPER_TELEMETRY__SAMPLE_RATIO";
    assert_eq!(sampled(&[(ratio, "0")], 50).await, 0);
    assert_eq!(sampled(&[(ratio, "1")], 50).await, 50);
    // Of 1,000, with one in a hundred: that it is none has a probability of 1 to 23,000, that it is 60 far less.
    let few = sampled(&[(ratio, "0.01")], 1_000).await;
    assert!((1..60).contains(&few), "{few}");
}

#[tokio::test]
async fn the_standard_variables_work() {
    assert_eq!(sampled(&[("OTEL_TRACES_SAMPLER", "parentbased_always_off")], 20).await, 0);
    let collector = Collector::start();
    let unit = Unit::new("standalone", [])
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url())
        .with("OTEL_BSP_SCHEDULE_DELAY", "50")
        .with("OTEL_SERVICE_NAME", "catalogue")
        .with("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test");
    unit.start();
    unit.ready().await;
    let trace_id = new_trace();
    let request =
        unit.api().request(Method::GET, "/api/movies/1").header("traceparent", traceparent(&trace_id));
    Answer::of(request).await.expect(404);
    let spans = collector.trace(&trace_id, 2);
    assert!(spans.iter().all(|span| span.service == "catalogue"), "{spans:#?}");
    assert_eq!(spans[0].resource["deployment.environment.name"], "test");
    assert!(spans[0].resource.contains_key("service.version"), "{spans:#?}");
}
