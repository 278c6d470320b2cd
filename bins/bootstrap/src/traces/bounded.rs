use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Span, SpanData, SpanProcessor};
use prometheus::{IntCounter, Registry};

/// The most spans that wait for the collector: some megabytes.
pub(super) const MOST_WAITING: usize = 4_096;

/// The spans that wait for the collector, and the count of those that it never got.
#[derive(Debug)]
pub(super) struct Waiting {
    spans: AtomicUsize,
    dropped: IntCounter,
}

impl Waiting {
    /// Registers the count of dropped spans.
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let help = "Spans that the collector did not get: it did not keep up, or was away.";
        let dropped = IntCounter::new("telemetry_dropped_total", help)?;
        registry.register(Box::new(dropped.clone()))?;
        Ok(Self { spans: AtomicUsize::new(0), dropped })
    }

    /// Makes room for a span, or counts it as dropped.
    fn enter(&self) -> bool {
        let waits = self.spans.fetch_add(1, Ordering::Relaxed) < MOST_WAITING;
        if !waits {
            self.spans.fetch_sub(1, Ordering::Relaxed);
            self.dropped.inc();
        }
        waits
    }

    /// So many spans are on their way.
    pub(super) fn leave(&self, spans: usize) {
        self.spans.fetch_sub(spans, Ordering::Relaxed);
    }

    /// So many spans did not arrive.
    pub(super) fn count_dropped(&self, spans: usize) {
        self.dropped.inc_by(spans as u64);
    }

    /// Drops and counts what waits still.
    pub(super) fn drop_all(&self) -> usize {
        let left = self.spans.swap(0, Ordering::Relaxed);
        self.count_dropped(left);
        left
    }
}

/// Hands spans to a batch while there is room, and counts those that find none. The batch's own queue is as long, so it
/// never drops one without our knowing: it has no count that can be read.
#[derive(Debug)]
pub(super) struct BoundedProcessor {
    batch: BatchSpanProcessor,
    waiting: Arc<Waiting>,
}

impl BoundedProcessor {
    pub(super) fn new(batch: BatchSpanProcessor, waiting: Arc<Waiting>) -> Self {
        Self { batch, waiting }
    }
}

impl SpanProcessor for BoundedProcessor {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.batch.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.waiting.enter() {
            self.batch.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batch.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batch.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batch.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_counted() {
        let waiting = Waiting::register(&Registry::new()).unwrap();
        assert!((0..MOST_WAITING).all(|_| waiting.enter()));
        assert!(!waiting.enter());
        assert_eq!(waiting.dropped.get(), 1);
        waiting.leave(2);
        assert!(waiting.enter());
        assert_eq!(waiting.drop_all(), MOST_WAITING - 1);
        assert_eq!(waiting.dropped.get(), MOST_WAITING as u64);
    }
}
