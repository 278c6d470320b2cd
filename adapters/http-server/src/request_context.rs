use keeper_telemetry::context::{REQUEST_ID, RequestContext, TRACEPARENT, is_sane_request_id};
use keeper_telemetry::span::Span;
use keeper_telemetry::traceparent::is_sane_traceparent;
use keeper_telemetry::tracestate::tracestate;

use crate::request_id::new_request_id;

/// Reads what the headers say of a request's id and trace, leaves out what is not sane, and begins the request's span.
///
/// `header` gives the first line of a header, `tracestates` all lines of that one.
pub(crate) fn begin<'a>(
    method: &'static str,
    header: impl Fn(&str) -> Option<&'a str>,
    tracestates: impl Iterator<Item = &'a str>,
) -> (RequestContext, Span) {
    let request_id =
        header(REQUEST_ID).filter(|id| is_sane_request_id(id)).map_or_else(new_request_id, str::to_owned);
    let traceparent = header(TRACEPARENT).filter(|value| is_sane_traceparent(value)).map(str::to_owned);
    // It belongs to the trace context, and goes only with one.
    let tracestate = traceparent.as_ref().and_then(|_| tracestate(tracestates));
    let mut context = RequestContext { request_id, traceparent, tracestate, caller: None };
    let span = Span::of_request(&mut context, method);
    (context, span)
}
