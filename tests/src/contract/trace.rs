//! A request's context, and whether a message carries it.

use keeper_domain::DeadLetter;
use keeper_telemetry::context::{REQUEST_ID, RequestContext, TRACEPARENT, TRACESTATE};

pub(super) fn traced() -> RequestContext {
    RequestContext {
        request_id: "request-7".into(),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        tracestate: Some("rojo=1,congo=2".into()),
        caller: None,
    }
}

pub(super) fn assert_carries(letter: &DeadLetter, context: &RequestContext) {
    let header = |name: &str| {
        let found = letter.headers.iter().find(|(is, _)| is.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(header(REQUEST_ID), Some(context.request_id.as_str()));
    assert_eq!(header(TRACEPARENT), context.traceparent.as_deref());
    assert_eq!(header(TRACESTATE), context.tracestate.as_deref());
}
