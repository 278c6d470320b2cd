use std::fmt::{self, Debug};

use chrono::SecondsFormat;
use keeper_telemetry::context::RequestContext;
use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::clock::now;

/// Writes an event as one JSON object on a line: `timestamp`, `level`, the event's fields, `target`.
///
/// tracing-subscriber's own format writes it character by character: measured, a request's line then takes a seventh of
/// the instructions of the whole request. There are no spans here for it to show.
pub(crate) struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut line = Line::default();
        line.text.extend_from_slice(b"{\"timestamp\":");
        line.value(now().to_rfc3339_opts(SecondsFormat::Micros, true));
        line.field("level", metadata.level().as_str());
        event.record(&mut line);
        line.context();
        line.field("target", metadata.target());
        line.text.extend_from_slice(b"}\n");
        writer.write_str(std::str::from_utf8(&line.text).map_err(|_| fmt::Error)?)
    }
}

struct Line {
    text: Vec<u8>,
    /// The event says itself which request it belongs to.
    has_request_id: bool,
}

impl Default for Line {
    fn default() -> Self {
        Self { text: Vec::with_capacity(512), has_request_id: false }
    }
}

impl Line {
    fn field(&mut self, name: &str, value: impl Serialize) {
        self.text.push(b',');
        self.value(name);
        self.text.push(b':');
        self.value(value);
    }

    fn value(&mut self, value: impl Serialize) {
        // Writing text and numbers to memory cannot fail.
        let _ = serde_json::to_writer(&mut self.text, &value);
    }

    /// Says which request the line belongs to, where it is written by a call that is made for one.
    fn context(&mut self) {
        if self.has_request_id {
            return;
        }
        RequestContext::with_current(|context| {
            self.field("request_id", &context.request_id);
            if let (Some(trace_id), Some(span_id)) = (context.trace_id(), context.span_id()) {
                self.field("trace_id", trace_id);
                self.field("span_id", span_id);
            }
        });
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.has_request_id |= field.name() == "request_id";
        self.field(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.field(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.field(field.name(), format_args!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::Value;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_line_whatever_is_in_it() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber =
            tracing_subscriber::fmt().event_format(JsonLines).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            let absent: Option<&str> = None;
            let path = "/a\n\"b\"\u{1b}[31m";
            tracing::info!(
                path,
                status = 200_u16,
                below = -1,
                millis = 1.5,
                ok = true,
                absent,
                "request \"{}\"",
                7
            );
            tracing::warn!(error = ?io::ErrorKind::Other, nan = f64::NAN, "again");
        });
        let written = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<Value> = written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [first, second] = &lines[..] else { panic!("{written}") };
        assert_eq!(first["path"], "/a\n\"b\"\u{1b}[31m");
        assert_eq!((&first["message"], &first["level"]), (&"request \"7\"".into(), &"INFO".into()));
        assert_eq!((&first["status"], &first["below"]), (&200.into(), &(-1).into()));
        assert_eq!((&first["millis"], &first["ok"]), (&1.5.into(), &true.into()));
        assert_eq!((first.get("absent"), &second["nan"]), (None, &Value::Null));
        assert_eq!((&second["error"], &second["target"]), (&"Other".into(), &module_path!().into()));
        assert!(chrono::DateTime::parse_from_rfc3339(first["timestamp"].as_str().unwrap()).is_ok());
        assert_eq!((first.get("request_id"), first.get("trace_id")), (None, None));
    }

    #[tokio::test]
    async fn a_line_says_once_which_request_it_belongs_to() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber =
            tracing_subscriber::fmt().event_format(JsonLines).with_writer(move || writer.clone()).finish();
        let _logging = tracing::subscriber::set_default(subscriber);
        let trace_id = "0af7651916cd43dd8448eb211c80319c";
        let traceparent = Some(format!("00-{trace_id}-b7ad6b7169203331-01"));
        let call = async {
            tracing::warn!("deep inside");
            tracing::warn!(request_id = "another", "of another request");
        };
        RequestContext { request_id: "r1".into(), traceparent, ..RequestContext::default() }
            .scope(call)
            .await;
        let written = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<Value> = written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [inside, of_another] = &lines[..] else { panic!("{written}") };
        assert_eq!((&inside["request_id"], &inside["trace_id"]), (&"r1".into(), &trace_id.into()));
        assert_eq!(inside["span_id"], "b7ad6b7169203331");
        assert_eq!((&of_another["request_id"], of_another.get("trace_id")), (&"another".into(), None));
        assert_eq!(written.matches("request_id").count(), 2, "{written}");
    }
}
