use std::borrow::Cow;

use keeper_ports::{PortError, PortResult};

use crate::context::RequestContext;
use crate::span::{Span, SpanKind};

/// Makes a call within a span of its own below that of the request which is being handled, with links to the other
/// requests that it is made for. A call that belongs to no recorded trace is made as it is.
pub(crate) async fn in_span<T>(
    kind: SpanKind,
    name: impl FnOnce() -> Cow<'static, str>,
    attributes: impl FnOnce(&mut Span),
    call: impl Future<Output = PortResult<T>>,
) -> PortResult<T> {
    let Some((mut span, context)) = begin(kind, name) else { return call.await };
    attributes(&mut span);
    let result = context.scope(call).await;
    if let Err(error) = &result {
        span.fail(kind_of(error));
    }
    result
}

fn begin(kind: SpanKind, name: impl FnOnce() -> Cow<'static, str>) -> Option<(Span, RequestContext)> {
    RequestContext::with_current(|context| {
        if !context.is_sampled() {
            return None;
        }
        let others: Vec<_> =
            RequestContext::shared_by().into_iter().filter(|other| other != context).collect();
        Span::below(context, kind, name(), &others)
    })?
}

/// The kind of a failure, as a span says it.
pub fn kind_of(error: &PortError) -> &'static str {
    match error {
        PortError::Unavailable { .. } => "unavailable",
        PortError::TimedOut { .. } => "timed_out",
        PortError::Failed { .. } => "failed",
    }
}
