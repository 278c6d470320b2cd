//! A read is followed through the units, also where it shares its trip.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use keeper_tests::harness::{Answer, Collector, Kind, eventually};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use reqwest::Method;
use serde_json::json;

use crate::{new_trace, traced_stack, traceparent};

#[tokio::test]
async fn a_read_is_followed_through_the_units() {
    let collector = Collector::start();
    let stack = traced_stack(Kind::Distributed, &collector, &[]).await;
    let trace_id = new_trace();
    let request =
        stack.api().request(Method::GET, "/api/movies/77").header("traceparent", traceparent(&trace_id));
    Answer::of(request).await.expect(404);
    let spans = collector.trace(&trace_id, 4);
    let path: Vec<_> = ["gateway", "gateway", "inventory", "inventory"]
        .into_iter()
        .zip([SpanKind::Server, SpanKind::Client, SpanKind::Server, SpanKind::Client])
        .map(|(service, kind)| {
            spans.iter().find(|span| span.service == service && span.kind == kind).unwrap()
        })
        .collect();
    let [server, call, inner, select] = path[..] else { panic!("{spans:#?}") };
    assert_eq!((server.name.as_str(), inner.name.as_str()), ("GET /api/movies/{id}", "GET /api/movies/{id}"));
    assert_eq!((call.name.as_str(), select.name.as_str()), ("GET", "SELECT movies"));
    assert_eq!(
        (&call.parent, &inner.parent, &select.parent),
        (&server.span_id, &call.span_id, &inner.span_id)
    );
    assert_eq!(call.attributes["http.response.status_code"], "404");
    // A movie that is not there is the client's fault for a server, and a failure for who asks.
    assert_eq!((server.failed, call.failed, inner.failed), (false, true, false));
}

/// Many readers at once share trips: a call for many is in the trace of one, and has links to the others.
#[tokio::test]
async fn reads_that_share_a_trip_are_linked() {
    let collector = Collector::start();
    let stack = traced_stack(Kind::Distributed, &collector, &[]).await;
    let api = stack.api();
    api.post("/api/movies", &json!({"title": "Solaris", "description": ""})).await.expect(201);
    let linked = eventually("some reads share a trip", Duration::from_mins(1), async || {
        let reads = (0..64).map(|_| async {
            let request = api.request(Method::GET, "/api/movies/1");
            Answer::of(request.header("traceparent", traceparent(&new_trace()))).await.expect(200);
        });
        join_all(reads).await;
        collector.spans().into_iter().find(|span| span.service == "gateway" && !span.links.is_empty())
    })
    .await;
    assert_eq!((linked.kind, linked.name.as_str()), (SpanKind::Client, "GET"));
    assert!(linked.attributes["url.full"].ends_with("/internal/movies"), "{linked:#?}");
    // Each link is to another request.
    let others: BTreeSet<_> = linked.links.iter().collect();
    assert_eq!((others.len(), others.contains(&linked.parent)), (linked.links.len(), false), "{linked:#?}");
}
