use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_otlp::SpanExporter as OtlpExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use super::bounded::Waiting;

/// Counts the spans that the collector does not take, and logs the first failure of a row and its end.
#[derive(Debug)]
pub(super) struct ReportingExporter {
    otlp: OtlpExporter,
    waiting: Arc<Waiting>,
    failing: AtomicBool,
}

impl ReportingExporter {
    pub(super) fn new(otlp: OtlpExporter, waiting: Arc<Waiting>) -> Self {
        Self { otlp, waiting, failing: AtomicBool::new(false) }
    }
}

impl SpanExporter for ReportingExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        self.waiting.leave(spans);
        let result = self.otlp.export(batch).await;
        match &result {
            Ok(()) => {
                if self.failing.swap(false, Ordering::Relaxed) {
                    tracing::info!("the collector takes spans again");
                }
            }
            Err(error) => {
                self.waiting.count_dropped(spans);
                if !self.failing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "the collector takes no spans; they are dropped and counted");
                }
            }
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.otlp.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.otlp.set_resource(resource);
    }
}
