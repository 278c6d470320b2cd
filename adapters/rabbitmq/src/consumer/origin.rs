use keeper_telemetry::context::RequestContext;
use lapin::BasicProperties;

use crate::publisher::properties::request_context;

/// Where a message came from, as far as it says: for the log.
#[derive(Debug, Default)]
#[expect(clippy::struct_field_names, reason = "they are the names of the log line's fields")]
pub(crate) struct Origin {
    pub(crate) message_id: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) trace_id: Option<String>,
    pub(crate) span_id: Option<String>,
}

impl Origin {
    pub(crate) fn of(properties: &BasicProperties) -> Self {
        let context = request_context(properties);
        let id =
            |of: fn(&RequestContext) -> Option<&str>| context.as_ref().and_then(of).map(ToOwned::to_owned);
        Self {
            message_id: properties.message_id().as_ref().map(ToString::to_string),
            request_id: id(|context| Some(&context.request_id)),
            trace_id: id(RequestContext::trace_id),
            span_id: id(RequestContext::span_id),
        }
    }
}
