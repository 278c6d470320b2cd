//! The spans of a trace (OpenTelemetry). Where no traces are wanted they cost a look at one variable.
//!
//! A span is no context of its own: it is what a [`RequestContext`] names with its `traceparent`, so it goes wherever the
//! request goes, into tasks, requests and messages.

use std::borrow::Cow;
use std::sync::OnceLock;

pub use opentelemetry::trace::SpanKind;
use opentelemetry::trace::{
    Link, Span as _, SpanBuilder, SpanContext, Status, TraceContextExt, TraceFlags, Tracer,
};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SdkTracer, Span as SdkSpan};

use crate::context::RequestContext;
use crate::traceparent::{span_context, traceparent};

/// The most links of a span: a batch of messages may have more, and says how many it has.
const MAX_LINKS: usize = 128;

static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// Has every span from now on begun by `tracer`. The first one stays.
pub fn record_with(tracer: SdkTracer) {
    let _ = TRACER.set(tracer);
}

/// Says whether traces are wanted.
pub fn are_recorded() -> bool {
    TRACER.get().is_some()
}

/// A piece of work, from its beginning until it is dropped. One that is not sampled remembers nothing.
#[derive(Debug)]
pub struct Span(Option<SdkSpan>);

impl Span {
    /// Begins the span of a request that came over the network, and names it in the request's context. Whether the trace
    /// is recorded is decided here, unless the client decided it.
    ///
    /// Without a tracer, a trace that the client began is passed on as it is, and one is named where there is none: all
    /// lines of the log that belong to a request have its trace, in each process.
    pub fn of_request(context: &mut RequestContext, name: &'static str) -> Self {
        let parent = context.span(true);
        let Some(tracer) = TRACER.get() else {
            if parent.is_none() {
                let ids = RandomIdGenerator::default();
                let (trace, span) = (ids.new_trace_id(), ids.new_span_id());
                context.traceparent = Some(traceparent(trace, span, TraceFlags::NOT_SAMPLED));
            }
            return Self(None);
        };
        let begun = begin(tracer, SpanBuilder::from_name(name).with_kind(SpanKind::Server), parent);
        context.enter(&begun);
        Self(begun.is_recording().then_some(begun))
    }

    /// Begins a span below that of a request, where its trace is recorded, with links to other ones; gives the context
    /// that its own calls have.
    pub fn below(
        parent: &RequestContext,
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
        links: &[RequestContext],
    ) -> Option<(Self, RequestContext)> {
        let tracer = TRACER.get()?;
        let above = parent.span(false).filter(SpanContext::is_sampled)?;
        let sampled = links.iter().filter_map(|link| link.span(false)).filter(SpanContext::is_sampled);
        let links = sampled.take(MAX_LINKS).map(Link::with_context).collect();
        let builder = SpanBuilder::from_name(name).with_kind(kind).with_links(links);
        let begun = begin(tracer, builder, Some(above));
        let mut context = parent.clone();
        context.enter(&begun);
        begun.is_recording().then_some((Self(Some(begun)), context))
    }

    /// Says whether it remembers anything: attributes that cost something need not be made for one that does not.
    pub fn is_recorded(&self) -> bool {
        self.0.is_some()
    }

    /// Names it anew: a request's route is known at its end only.
    pub fn rename(&mut self, name: String) {
        if let Some(span) = &mut self.0 {
            span.update_name(name);
        }
    }

    /// Says something of it, by a name of the semantic conventions. No secret and no body.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new(name, value));
        }
    }

    /// Says that the work failed, and the kind of the failure: one of few words, not the message.
    pub fn fail(&mut self, kind: impl Into<Cow<'static, str>>) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new("error.type", kind.into()));
            span.set_status(Status::error(""));
        }
    }
}

fn begin(tracer: &SdkTracer, builder: SpanBuilder, parent: Option<SpanContext>) -> SdkSpan {
    let context = Context::new();
    let context = parent.map_or_else(|| context.clone(), |parent| context.with_remote_span_context(parent));
    tracer.build_with_context(builder, &context)
}

impl RequestContext {
    /// The span that it names, in OpenTelemetry's form, of another process or of this one.
    fn span(&self, remote: bool) -> Option<SpanContext> {
        span_context(self.traceparent.as_deref()?, self.tracestate.as_deref(), remote)
    }

    /// Names a span. After the end of all tracing there is none any more, and it stays as it is.
    fn enter(&mut self, span: &SdkSpan) {
        let span = span.span_context();
        if span.is_valid() {
            self.traceparent = Some(traceparent(span.trace_id(), span.span_id(), span.trace_flags()));
        }
    }
}
