//! The spans that decorated ports and batches of messages make, as an exporter gets them. One process with a tracer: it is
//! the process's own, so these tests are apart from those without one.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::{Arc, LazyLock};

use keeper_domain::{
    Coverage, DeadLetterList, DeadLetterReason, DeadLetterSelection, ItemCount, Money, Movie, MovieId, Order,
    OrderDraft, OrderId, Timestamp, UserId,
};
use keeper_ports::PortError;
use keeper_ports::billing::{DeadLetters, MockDeadLetters, MockOrderQueue, OrderQueue};
use keeper_ports::inventory::{MockMovieRepository, MovieRepository};
use keeper_telemetry::context::RequestContext;
use keeper_telemetry::span::{Span, record_with};
use keeper_telemetry::traced::{
    MessageTrace, Messaging, ProcessingSpans, TracedDatabase, TracedDeadLetters, TracedMovies, TracedQueue,
};
use opentelemetry::Value;
use opentelemetry::trace::{SpanKind, Status, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};

static EXPORTED: LazyLock<InMemorySpanExporter> = LazyLock::new(|| {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    record_with(provider.tracer("test"));
    exporter
});

/// A request in a trace of its own, recorded or not.
fn request(trace: u8, sampled: bool) -> RequestContext {
    LazyLock::force(&EXPORTED);
    let flags = if sampled { "01" } else { "00" };
    RequestContext {
        request_id: format!("r{trace}"),
        traceparent: Some(format!("00-{trace:032x}-00000000000000ff-{flags}")),
        ..RequestContext::default()
    }
}

fn spans_of(trace: u8) -> Vec<SpanData> {
    let spans = EXPORTED.get_finished_spans().unwrap();
    let wanted = format!("{trace:032x}");
    spans.into_iter().filter(|span| span.span_context.trace_id().to_string() == wanted).collect()
}

fn attribute(span: &SpanData, name: &str) -> Option<Value> {
    span.attributes.iter().find(|attribute| attribute.key.as_str() == name).map(|found| found.value.clone())
}

fn order() -> Order {
    let draft = OrderDraft {
        user: UserId::new("20").unwrap(),
        items: ItemCount::new(9).unwrap(),
        total: Money::from_minor("total_amount", 18_000).unwrap(),
    };
    let id = OrderId::parse("order_id", "018f3c3e-0000-7000-8000-000000000001").unwrap();
    Order { id, draft, created_at: Timestamp::from_millis(1_000).unwrap() }
}

fn movies(store: MockMovieRepository) -> TracedMovies {
    TracedMovies::new(TracedDatabase::postgresql("db", 5432, "inventory"), Arc::new(store))
}

#[tokio::test]
async fn a_call_of_a_store_is_a_span_below_the_request() {
    let mut store = MockMovieRepository::new();
    store.expect_find().return_once(|_| Ok(None::<Movie>));
    let mut context = request(1, true);
    let server = Span::of_request(&mut context, "GET");
    context.clone().scope(movies(store).find(MovieId::new("id", 1).unwrap())).await.unwrap();
    drop(server);
    let [select, server] = &spans_of(1)[..] else { panic!("{:?}", spans_of(1)) };
    assert_eq!((select.name.as_ref(), &select.span_kind), ("SELECT movies", &SpanKind::Client));
    assert_eq!((&server.span_kind, server.parent_span_is_remote), (&SpanKind::Server, true));
    assert_eq!(server.parent_span_id.to_string(), "00000000000000ff");
    assert_eq!(select.parent_span_id, server.span_context.span_id());
    assert_eq!(context.span_id(), Some(server.span_context.span_id().to_string().as_str()));
    assert_eq!(attribute(select, "db.system.name"), Some("postgresql".into()));
    assert_eq!(attribute(select, "db.namespace"), Some("inventory".into()));
    assert_eq!(attribute(select, "server.port"), Some(5432.into()));
    assert_eq!(attribute(select, "db.operation.batch.size"), None);
}

#[tokio::test]
async fn a_failure_is_said_by_its_kind_only() {
    let mut store = MockMovieRepository::new();
    store.expect_delete_all().return_once(|| Err(PortError::timed_out("inventory database", "secret")));
    request(2, true).scope(movies(store).delete_all()).await.unwrap_err();
    let [delete] = &spans_of(2)[..] else { panic!() };
    assert_eq!((delete.name.as_ref(), &delete.status), ("DELETE movies", &Status::error("")));
    assert_eq!(attribute(delete, "error.type"), Some("timed_out".into()));
    assert!(!format!("{delete:?}").contains("secret"));
}

#[tokio::test]
async fn a_read_for_many_requests_is_one_span_with_links() {
    let mut store = MockMovieRepository::new();
    store.expect_find_many().return_once(|_| Ok(Vec::new()));
    let requests = vec![request(3, false), request(4, true), request(5, true)];
    let ids = [1, 2, 3].map(|id| MovieId::new("id", id).unwrap()).to_vec();
    RequestContext::scope_shared(requests, movies(store).find_many(ids)).await.unwrap();
    assert_eq!((spans_of(3).len(), spans_of(5).len()), (0, 0));
    let [select] = &spans_of(4)[..] else { panic!() };
    assert_eq!(attribute(select, "db.operation.batch.size"), Some(3.into()));
    let links: Vec<_> = select.links.iter().map(|link| link.span_context.trace_id().to_string()).collect();
    assert_eq!(links, [format!("{:032x}", 5)]);
}

#[tokio::test]
async fn a_message_carries_the_context_of_its_sending() {
    let mut queue = MockOrderQueue::new();
    let (told, hears) = std::sync::mpsc::channel();
    queue.expect_enqueue().return_once(move |_| {
        told.send(RequestContext::current()).unwrap();
        Ok(())
    });
    let queue = TracedQueue::new(Messaging::rabbitmq("billing_queue"), Arc::new(queue));
    request(6, true).scope(queue.enqueue(order())).await.unwrap();
    let [send] = &spans_of(6)[..] else { panic!() };
    assert_eq!((send.name.as_ref(), &send.span_kind), ("send billing_queue", &SpanKind::Producer));
    assert_eq!(attribute(send, "messaging.system"), Some("rabbitmq".into()));
    let carried = hears.recv().unwrap().unwrap();
    assert_eq!(carried.span_id(), Some(send.span_context.span_id().to_string().as_str()));
}

#[tokio::test]
async fn a_batch_has_a_span_of_its_own_and_one_in_the_trace_of_each_message() {
    let trace = |trace, sampled| {
        Some(MessageTrace { id: Some(format!("m{trace}")), context: request(trace, sampled) })
    };
    let traces = vec![trace(7, false), trace(8, true), None, trace(9, true)];
    let messaging = Messaging::rabbitmq("billing_queue");
    let spans = ProcessingSpans::begin(&messaging, move || traces);
    let inside = spans.run(async { RequestContext::current() }).await.unwrap();
    spans.end([None, None, None, Some(DeadLetterReason::Conflict.as_str())]);
    assert_eq!(spans_of(7).len(), 0);
    let eight = spans_of(8);
    let named = |name| eight.iter().find(|span| span.name == name).unwrap();
    let (process, record) = (named("process billing_queue"), named("record order"));
    assert_eq!((&process.span_kind, process.links.len()), (&SpanKind::Consumer, 2));
    assert_eq!(attribute(process, "messaging.batch.message_count"), Some(4.into()));
    assert_eq!(inside.span_id(), Some(process.span_context.span_id().to_string().as_str()));
    assert_eq!((&record.status, attribute(record, "error.type")), (&Status::Unset, None));
    let [refused] = &spans_of(9)[..] else { panic!() };
    assert_eq!(
        (refused.name.as_ref(), attribute(refused, "error.type")),
        ("record order", Some("conflict".into()))
    );
    assert_eq!(refused.links.iter().next().unwrap().span_context, process.span_context.clone());
}

#[test]
fn a_trace_that_begins_here_is_named_in_the_context() {
    LazyLock::force(&EXPORTED);
    let mut context = RequestContext { request_id: "r".into(), ..RequestContext::default() };
    drop(Span::of_request(&mut context, "GET"));
    assert!(context.is_sampled() && context.trace_id().is_some(), "{context:?}");
}

#[tokio::test]
async fn what_an_operator_does_with_dead_letters_is_a_span() {
    let mut dead_letters = MockDeadLetters::new();
    dead_letters
        .expect_list()
        .returning(|_| Ok(DeadLetterList { letters: Vec::new(), coverage: Coverage::whole(0) }));
    dead_letters.expect_replay().returning(|_| Err(PortError::unavailable("dead letters", "in use")));
    let traced = TracedDeadLetters::new(&Messaging::rabbitmq("billing_queue"), Arc::new(dead_letters));
    request(21, true).scope(traced.list(5)).await.unwrap();
    assert!(request(21, true).scope(traced.replay(DeadLetterSelection::All)).await.is_err());
    let spans = spans_of(21);
    let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
    assert_eq!(names, ["list billing_queue.dead", "replay billing_queue.dead"]);
    let said = |span, name| attribute(span, name).map(|value| value.to_string());
    for (span, (operation, kind)) in spans.iter().zip([("list", "receive"), ("replay", "settle")]) {
        assert_eq!(span.span_kind, SpanKind::Client);
        assert_eq!(said(span, "messaging.destination.name").as_deref(), Some("billing_queue.dead"));
        assert_eq!(said(span, "messaging.operation.name").as_deref(), Some(operation));
        assert_eq!(said(span, "messaging.operation.type").as_deref(), Some(kind));
    }
    assert_eq!(said(&spans[1], "error.type").as_deref(), Some("unavailable"));
}
