use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use prost::Message;

use super::until;

/// What a collector does with spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collecting {
    /// It takes them.
    Takes,
    /// It answers 500.
    Fails,
    /// It takes the connection and answers nothing.
    Hangs,
}

/// Takes spans as a collector of OpenTelemetry does: OTLP over HTTP, as protobuf.
#[derive(Debug, Clone)]
pub struct Collector {
    url: String,
    state: Arc<Mutex<(Collecting, Vec<SeenSpan>)>>,
}

/// A span as it arrived.
#[derive(Debug, Clone)]
pub struct SeenSpan {
    /// The unit that it is from.
    pub service: String,
    /// Everything that is said of that unit.
    pub resource: BTreeMap<String, String>,
    /// Its name.
    pub name: String,
    /// What kind of work it is.
    pub kind: SpanKind,
    /// Its trace.
    pub trace_id: String,
    /// Its id.
    pub span_id: String,
    /// The span that it is below; empty for none.
    pub parent: String,
    /// What systems on the way added.
    pub tracestate: String,
    /// What is said of it.
    pub attributes: BTreeMap<String, String>,
    /// The spans that it has links to.
    pub links: Vec<String>,
    /// It failed.
    pub failed: bool,
}

impl Collector {
    /// Listens on a port of its own, and takes spans.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let state = Arc::new(Mutex::new((Collecting::Takes, Vec::new())));
        let collector = Self { url: format!("http://127.0.0.1:{port}"), state };
        let taking = collector.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let taking = taking.clone();
                thread::spawn(move || taking.serve(stream));
            }
        });
        collector
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Changes what it does.
    pub fn now(&self, collecting: Collecting) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0 = collecting;
    }

    /// The spans that it has.
    pub fn spans(&self) -> Vec<SeenSpan> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// Waits for so many spans of a trace.
    pub fn trace(&self, trace_id: &str, least: usize) -> Vec<SeenSpan> {
        until(&format!("{least} spans of trace {trace_id}"), Duration::from_secs(30), || {
            let spans: Vec<_> = self.spans().into_iter().filter(|span| span.trace_id == trace_id).collect();
            (spans.len() >= least).then_some(spans)
        })
    }

    fn serve(&self, mut stream: TcpStream) {
        while let Some(body) = request(&mut stream) {
            let collecting = self.state.lock().unwrap_or_else(PoisonError::into_inner).0;
            let status = match collecting {
                Collecting::Takes => {
                    let sent = ExportTraceServiceRequest::decode(&body[..]).expect("it is OTLP");
                    self.state.lock().unwrap_or_else(PoisonError::into_inner).1.extend(seen(sent));
                    "200 OK"
                }
                Collecting::Fails => "500 Internal Server Error",
                Collecting::Hangs => {
                    let _ = stream.read(&mut [0; 1]);
                    return;
                }
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n"
            );
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

/// The body of the next request of a connection.
fn request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    assert!(
        head.starts_with("post /v1/traces ") && head.contains("content-type: application/x-protobuf"),
        "{head}"
    );
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
    let mut body = vec![0; length.expect("it says its length")];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

fn seen(sent: ExportTraceServiceRequest) -> Vec<SeenSpan> {
    let mut spans = Vec::new();
    for of_resource in sent.resource_spans {
        let resource =
            attributes(of_resource.resource.map(|resource| resource.attributes).unwrap_or_default());
        let service = resource.get("service.name").cloned().unwrap_or_default();
        for span in of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            spans.push(seen_span(service.clone(), resource.clone(), span));
        }
    }
    spans
}

fn seen_span(service: String, resource: BTreeMap<String, String>, span: Span) -> SeenSpan {
    SeenSpan {
        service,
        resource,
        kind: span.kind(),
        failed: span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error),
        name: span.name,
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        tracestate: span.trace_state,
        attributes: attributes(span.attributes),
        links: span.links.iter().map(|link| hex(&link.span_id)).collect(),
    }
}

fn attributes(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Value| match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    let read = attributes.into_iter().map(|attribute| {
        let value = attribute.value.and_then(|value| value.value).map(text);
        (attribute.key, value.unwrap_or_default())
    });
    read.collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
