//! What travels with a request from process to process: its id, its trace, and whom it is made for.
//!
//! The ports know nothing of it, so it goes beside the call, with the task: the HTTP server sets it, the HTTP client
//! and the queue's publisher pass it on.

use std::future::Future;

use crate::caller::CallerName;
use crate::traceparent::{is_sampled, span_id, trace_id};

tokio::task_local! {
    static CONTEXT: RequestContext;
    static SHARED_BY: Vec<RequestContext>;
}

/// The header of the request id, over HTTP and in the queue's messages.
pub const REQUEST_ID: &str = "X-Request-Id";

/// The header of the ids of all requests that a request is made for, separated by commas, where they are many.
pub const REQUEST_IDS: &str = "X-Request-Ids";

/// The header of the trace context (W3C Trace Context).
pub const TRACEPARENT: &str = "traceparent";

/// The header of what systems on the way added to the trace context (W3C Trace Context).
pub const TRACESTATE: &str = "tracestate";

/// A request's id, where in its trace it is, and whom it is made for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestContext {
    /// The id under which every process logs the request.
    pub request_id: String,
    /// The W3C trace context of the work that is being done for it, which is passed on: where no traces are recorded, it is
    /// that of the client, as it came.
    pub traceparent: Option<String>,
    /// What systems on the way added to the trace context, passed on with it as it came.
    pub tracestate: Option<String>,
    /// The name of the caller, where it is known. It goes to our own units, for their logs, and into no message.
    pub caller: Option<CallerName>,
}

impl RequestContext {
    /// Runs a call within this context.
    pub async fn scope<F: Future>(self, call: F) -> F::Output {
        CONTEXT.scope(self, call).await
    }

    /// Runs a call within a context, if there is one.
    pub async fn scope_if_some<F: Future>(context: Option<Self>, call: F) -> F::Output {
        match context {
            Some(context) => context.scope(call).await,
            None => call.await,
        }
    }

    /// Runs a call that is made for many requests at once, within the context of one of them: the first whose trace is
    /// recorded, else the first.
    pub async fn scope_shared<F: Future>(contexts: Vec<Self>, call: F) -> F::Output {
        let recorded = contexts.iter().find(|context| context.is_sampled());
        match recorded.or(contexts.first()).cloned() {
            Some(one) => SHARED_BY.scope(contexts, one.scope(call)).await,
            None => call.await,
        }
    }

    /// The contexts of all requests that the call which is running is made for, where they are many; otherwise none.
    pub fn shared_by() -> Vec<Self> {
        SHARED_BY.try_with(Clone::clone).unwrap_or_default()
    }

    /// The id of the request's trace, under which other systems know it.
    pub fn trace_id(&self) -> Option<&str> {
        self.traceparent.as_deref().and_then(trace_id)
    }

    /// The id of the span, in that trace, of the work that is being done.
    pub fn span_id(&self) -> Option<&str> {
        self.traceparent.as_deref().and_then(span_id)
    }

    /// Says whether its trace is recorded.
    pub fn is_sampled(&self) -> bool {
        self.traceparent.as_deref().is_some_and(is_sampled)
    }

    /// Shows the context of the call that is running, if it has one, without a copy.
    pub fn with_current<T>(look: impl FnOnce(&Self) -> T) -> Option<T> {
        CONTEXT.try_with(look).ok()
    }

    /// The context of the call that is running, if it has one.
    pub fn current() -> Option<Self> {
        CONTEXT.try_with(Clone::clone).ok()
    }
}

/// Says whether a request id from outside may be logged and passed on: 1 to 128 letters, digits, `.`, `_` and `-`.
pub fn is_sane_request_id(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_sees_its_own_context_only() {
        let caller = Some(CallerName::new("k1"));
        let context = RequestContext { request_id: "r1".into(), caller, ..RequestContext::default() };
        assert_eq!(RequestContext::current(), None);
        let seen = context.clone().scope(async { RequestContext::current() }).await;
        assert_eq!(seen, Some(context));
    }

    #[tokio::test]
    async fn a_call_for_many_requests_has_the_first_ones_context_and_knows_them_all() {
        let contexts =
            ["r1", "r2"].map(|id| RequestContext { request_id: id.into(), ..RequestContext::default() });
        let seen = async { (RequestContext::current(), RequestContext::shared_by()) };
        let (current, all) = RequestContext::scope_shared(contexts.to_vec(), seen).await;
        assert_eq!((current, &all[..]), (Some(contexts[0].clone()), &contexts[..]));
        let alone = contexts[0].clone().scope(async { RequestContext::shared_by() }).await;
        assert_eq!(alone, []);
    }

    #[test]
    fn ids_from_outside_are_checked() {
        assert!(is_sane_request_id("a-B_9.x"));
        for id in ["", "a b", "a\nb", "ü", "a\"b", &"x".repeat(129)] {
            assert!(!is_sane_request_id(id), "{id:?}");
        }
    }
}
