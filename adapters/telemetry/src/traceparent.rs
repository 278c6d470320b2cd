//! The form of a trace context: W3C Trace Context, version 00.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

/// The flag of a trace that is recorded.
const SAMPLED: u8 = 1;

/// Says whether a text is a trace context of version 00: `00-<trace id>-<span id>-<flags>`, lowercase, no id of zeros only.
pub fn is_sane_traceparent(value: &str) -> bool {
    Parts::of(value).is_some()
}

/// The trace id of a trace context, if it is one.
pub fn trace_id(traceparent: &str) -> Option<&str> {
    Parts::of(traceparent).map(|parts| parts.trace)
}

/// The span id of a trace context, if it is one.
pub fn span_id(traceparent: &str) -> Option<&str> {
    Parts::of(traceparent).map(|parts| parts.span)
}

/// Says whether the trace is recorded.
pub fn is_sampled(traceparent: &str) -> bool {
    Parts::of(traceparent).is_some_and(|parts| parts.flags & SAMPLED == SAMPLED)
}

/// The span that a trace context names, in OpenTelemetry's form, of another process or of this one. `tracestate` goes with
/// it where its library can read it.
pub(crate) fn span_context(traceparent: &str, tracestate: Option<&str>, remote: bool) -> Option<SpanContext> {
    let parts = Parts::of(traceparent)?;
    let trace = TraceId::from_hex(parts.trace).ok()?;
    let span = SpanId::from_hex(parts.span).ok()?;
    let state = tracestate.and_then(|state| state.parse::<TraceState>().ok()).unwrap_or_default();
    Some(SpanContext::new(trace, span, TraceFlags::new(parts.flags), remote, state))
}

/// The trace context that names a span.
pub(crate) fn traceparent(trace: TraceId, span: SpanId, flags: TraceFlags) -> String {
    format!("00-{trace}-{span}-{:02x}", flags.to_u8())
}

struct Parts<'a> {
    trace: &'a str,
    span: &'a str,
    flags: u8,
}

impl<'a> Parts<'a> {
    fn of(traceparent: &'a str) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let whole = version == "00" && parts.next().is_none();
        if !whole || !is_id(trace, 32) || !is_id(span, 16) || !is_hex(flags, 2) {
            return None;
        }
        Some(Self { trace, span, flags: u8::from_str_radix(flags, 16).ok()? })
    }
}

/// An id of zeros only means that there is none.
fn is_id(text: &str, len: usize) -> bool {
    is_hex(text, len) && text.bytes().any(|byte| byte != b'0')
}

fn is_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn the_trace_is_known_by_its_id() {
        assert_eq!(trace_id(TRACEPARENT), Some("0af7651916cd43dd8448eb211c80319c"));
        assert_eq!(span_id(TRACEPARENT), Some("b7ad6b7169203331"));
        assert!(is_sane_traceparent(TRACEPARENT));
    }

    #[test]
    fn the_last_bit_of_the_flags_says_that_it_is_recorded() {
        let with = |flags: &str| TRACEPARENT.replace("-01", flags);
        assert!(["-01", "-03", "-ff"].iter().all(|flags| is_sampled(&with(flags))));
        assert!(["-00", "-02", "-fe", ""].iter().all(|flags| !is_sampled(&with(flags))));
    }

    #[test]
    fn it_is_written_as_it_is_read() {
        let span = span_context(TRACEPARENT, Some("a=1"), true).unwrap();
        assert_eq!(traceparent(span.trace_id(), span.span_id(), span.trace_flags()), TRACEPARENT);
        assert_eq!((span.is_remote(), span.trace_state().get("a")), (true, Some("1")));
    }

    #[test]
    fn what_the_standard_calls_invalid_is_no_trace() {
        for value in [
            "",
            "00-x-y-z",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
        ] {
            assert_eq!(trace_id(value), None, "{value:?}");
        }
    }
}
