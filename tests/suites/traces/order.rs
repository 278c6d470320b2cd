//! An order is followed from the click to the row.

use std::time::Duration;

use keeper_tests::harness::{Answer, Collector, Kind, SeenSpan, Stack, eventually};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{KINDS, new_trace, traced_stack, traceparent};

fn named<'a>(spans: &'a [SeenSpan], name: &str) -> &'a SeenSpan {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no span {name}: {spans:#?}"))
}

#[tokio::test]
async fn an_order_is_one_trace_from_the_click_to_the_row() {
    for kind in KINDS {
        let collector = Collector::start();
        let stack = traced_stack(kind, &collector, &[("KEEPER_HTTP__TRUSTED_PROXIES", "1")]).await;
        let trace_id = new_trace();
        let order = json!({"user_id": "traced", "number_of_items": 1, "total_amount": "1.00"});
        let request = stack.api().request(Method::POST, "/api/billing").json(&order);
        // What the client says of its own address is not believed.
        let request = request.header("X-Real-IP", "6.6.6.6").header("X-Forwarded-For", "6.6.6.6, 192.0.2.7");
        let request = request.header("traceparent", traceparent(&trace_id)).header("tracestate", "shop=1");
        let placed = Answer::of(request).await.expect(200).json();
        let spans = collector.trace(&trace_id, 5);
        assert_eq!(spans.len(), 5, "{spans:#?}");

        let (front, recorder, system, database) = match kind {
            Kind::Standalone => ("standalone", "standalone", "sqlite", "sqlite"),
            Kind::Distributed => ("gateway", "billing", "rabbitmq", "postgresql"),
        };
        let server = named(&spans, "POST /api/billing");
        let send = named(&spans, "send billing_queue");
        let process = named(&spans, "process billing_queue");
        let insert = named(&spans, "INSERT orders");
        let record = named(&spans, "record order");
        for (span, service, span_kind, parent) in [
            (server, front, SpanKind::Server, "b7ad6b7169203331"),
            (send, front, SpanKind::Producer, server.span_id.as_str()),
            (process, recorder, SpanKind::Consumer, send.span_id.as_str()),
            (insert, recorder, SpanKind::Client, process.span_id.as_str()),
            (record, recorder, SpanKind::Internal, send.span_id.as_str()),
        ] {
            let seen = (span.service.as_str(), span.kind, span.parent.as_str(), span.failed);
            assert_eq!(seen, (service, span_kind, parent, false), "{span:#?}");
            assert_eq!(span.tracestate, "shop=1", "{span:#?}");
        }
        assert_eq!(process.links, std::slice::from_ref(&send.span_id));
        assert_eq!(record.links, std::slice::from_ref(&process.span_id));
        let id = placed["order_id"].as_str().unwrap();
        for (span, attribute, value) in [
            (server, "http.request.method", "POST"),
            (server, "http.route", "/api/billing"),
            (server, "http.response.status_code", "200"),
            (server, "url.path", "/api/billing"),
            (server, "url.scheme", "http"),
            (server, "client.address", "192.0.2.7"),
            (send, "messaging.system", system),
            (send, "messaging.operation.type", "send"),
            (send, "messaging.destination.name", "billing_queue"),
            (send, "messaging.message.id", id),
            (process, "messaging.operation.type", "process"),
            (process, "messaging.batch.message_count", "1"),
            (record, "messaging.message.id", id),
            (insert, "db.system.name", database),
            (insert, "db.operation.name", "INSERT"),
            (insert, "db.collection.name", "orders"),
        ] {
            assert_eq!(
                span.attributes.get(attribute).map(String::as_str),
                Some(value),
                "{attribute}: {span:#?}"
            );
        }
    }
}

/// The order of another content under a key that is taken goes to the dead letters, and there again when it is replayed.
#[tokio::test]
async fn an_order_that_is_replayed_keeps_its_trace() {
    for kind in KINDS {
        let collector = Collector::start();
        let stack = traced_stack(kind, &collector, &[]).await;
        let (first, second) = (new_trace(), new_trace());
        let order =
            |items: u32| json!({"user_id": "traced", "number_of_items": items, "total_amount": "1.00"});
        // The second comes before the first is recorded, or it would be refused at once.
        let (one, other) = (order(1), order(2));
        loop {
            let key = new_trace();
            let both = tokio::join!(place(&stack, &first, &one, &key), place(&stack, &second, &other, &key));
            if both == (200, 200) {
                break;
            }
        }
        let refused = |least: usize| {
            let collector = &collector;
            let (first, second) = (&first, &second);
            eventually("an order is refused", Duration::from_secs(30), async move || {
                let spans = collector.spans();
                let refused: Vec<_> = spans
                    .into_iter()
                    .filter(|span| span.trace_id == *first || span.trace_id == *second)
                    .filter(|span| span.name == "record order" && span.failed)
                    .collect();
                (refused.len() >= least).then_some(refused)
            })
        };
        let before = refused(1).await;
        assert_eq!(before[0].attributes["error.type"], "conflict");
        let letters = "/api/operations/dead-letters";
        let operator = eventually("it is replayed", Duration::from_secs(30), async || {
            let operator = new_trace();
            let replay = stack.api().request(Method::POST, &format!("{letters}/replay")).json(&json!({}));
            let replayed = Answer::of(replay.header("traceparent", traceparent(&operator))).await;
            (replayed.status == 200 && replayed.json()["count"] == 1).then_some(operator)
        })
        .await;
        // What the operator did is in the operator's trace, to the message.
        eventually("the replay is a span", Duration::from_secs(30), async || {
            let spans = collector.spans();
            let named = |name: &str| spans.iter().find(|span| span.trace_id == operator && span.name == name);
            let replay = named("replay billing_queue.dead")?;
            if kind == Kind::Distributed {
                assert_eq!(named("send billing_queue")?.parent, replay.span_id);
            }
            Some(())
        })
        .await;
        let after = refused(2).await;
        assert!(after.iter().all(|span| span.trace_id == before[0].trace_id), "{after:#?}");
        assert!(after.iter().all(|span| span.parent == before[0].parent), "{after:#?}");
    }
}

/// Places an order under a key; gives the status: a key that is known to be another order's is refused.
async fn place(stack: &Stack, trace_id: &str, order: &Value, key: &str) -> u16 {
    let request = stack.api().request(Method::POST, "/api/billing").json(order);
    let request = request.header("traceparent", traceparent(trace_id)).header("Idempotency-Key", key);
    Answer::of(request).await.status
}
