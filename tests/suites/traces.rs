//! The spans that a collector gets of each stack, and what becomes of requests while there is none.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "traces/collecting.rs"]
mod collecting;
#[path = "traces/lines.rs"]
mod lines;
#[path = "traces/order.rs"]
mod order;
#[path = "traces/read.rs"]
mod read;
#[path = "traces/sampling.rs"]
mod sampling;

use keeper_tests::harness::{Collector, Kind, Stack, random_text};

const KINDS: [Kind; 2] = [Kind::Standalone, Kind::Distributed];

/// A stack of which all units send their spans at once.
async fn traced_stack(kind: Kind, collector: &Collector, settings: &[(&str, &str)]) -> Stack {
    let mut stack = Stack::new(kind)
        .with_all("KEEPER_TELEMETRY__OTLP_ENDPOINT", &collector.url())
        .with_all("OTEL_BSP_SCHEDULE_DELAY", "50");
    for (key, value) in settings {
        stack = stack.with_all(key, value);
    }
    stack.start().await;
    stack
}

/// The id of a trace that no other test has.
fn new_trace() -> String {
    random_text(32).bytes().map(|byte| char::from(b'a' + byte % 6)).collect()
}

/// What a client sends that has begun a trace, and records it.
fn traceparent(trace_id: &str) -> String {
    format!("00-{trace_id}-b7ad6b7169203331-01")
}
