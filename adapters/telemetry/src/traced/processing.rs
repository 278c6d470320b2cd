use super::queue::Messaging;
use crate::context::RequestContext;
use crate::span::{Span, SpanKind, are_recorded};

/// What a message says of the trace that it belongs to.
#[derive(Debug, Clone)]
pub struct MessageTrace {
    /// The message's id, if it has one.
    pub id: Option<String>,
    /// The request that sent it.
    pub context: RequestContext,
}

/// The spans of a batch of messages while it is processed: one of the batch, with links to its messages, and in the trace
/// of each message one by which its order is followed to the ledger, since viewers rarely follow links.
///
/// The batch's span is in the trace of the first message whose trace is recorded: for a message that is processed alone, in
/// the trace of that message.
#[derive(Debug, Default)]
pub struct ProcessingSpans {
    batch: Option<(Span, RequestContext)>,
    messages: Vec<Option<Span>>,
}

impl ProcessingSpans {
    /// Begins the spans. `traces` says what the messages say of theirs; it is not asked where no traces are recorded.
    pub fn begin(messaging: &Messaging, traces: impl FnOnce() -> Vec<Option<MessageTrace>>) -> Self {
        if !are_recorded() {
            return Self::default();
        }
        let traces = traces();
        let contexts: Vec<_> = traces.iter().flatten().map(|trace| trace.context.clone()).collect();
        let Some(first) = contexts.iter().find(|context| context.is_sampled()) else {
            return Self::default();
        };
        let Some((mut batch, context)) =
            Span::below(first, SpanKind::Consumer, messaging.name("process"), &contexts)
        else {
            return Self::default();
        };
        messaging.describe(&mut batch, "process");
        batch.set("messaging.batch.message_count", i64::try_from(traces.len()).unwrap_or(i64::MAX));
        let of_message = |trace: Option<MessageTrace>| {
            let trace = trace?;
            let (mut span, _) = Span::below(
                &trace.context,
                SpanKind::Internal,
                "record order",
                std::slice::from_ref(&context),
            )?;
            if let Some(id) = trace.id {
                span.set("messaging.message.id", id);
            }
            Some(span)
        };
        let messages = traces.into_iter().map(of_message).collect();
        Self { batch: Some((batch, context)), messages }
    }

    /// Makes a call that is made for the whole batch.
    pub async fn run<F: Future>(&self, call: F) -> F::Output {
        RequestContext::scope_if_some(self.batch.as_ref().map(|(_, context)| context.clone()), call).await
    }

    /// Ends them, with what became of each message: nothing where its order is recorded, else why it is not.
    pub fn end(mut self, outcomes: impl IntoIterator<Item = Option<&'static str>>) {
        for (span, outcome) in self.messages.iter_mut().zip(outcomes) {
            if let (Some(span), Some(reason)) = (span, outcome) {
                span.fail(reason);
            }
        }
    }

    /// Ends them: the batch could not be processed and stays in the queue.
    pub fn failed(mut self, kind: &'static str) {
        let batch = self.batch.iter_mut().map(|(span, _)| span);
        for span in batch.chain(self.messages.iter_mut().flatten()) {
            span.fail(kind);
        }
    }
}
