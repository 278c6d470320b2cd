//! Sends the spans of traces to a collector, if the settings or OpenTelemetry's standard variables name one.

mod bounded;
mod exporter;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use keeper_telemetry::span::record_with;
use opentelemetry::trace::TracerProvider;
use opentelemetry::{Key, KeyValue, Value};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider};
use prometheus::Registry;

use self::bounded::{BoundedProcessor, MOST_WAITING, Waiting};
use self::exporter::ReportingExporter;
pub(crate) use self::settings::TelemetrySettings;
use self::settings::{Endpoint, StandardVariables};
use crate::StartError;

/// How long the end of a unit waits for the collector to take what waits.
const GRACE: Duration = Duration::from_secs(3);

/// The tracing of a unit.
pub(crate) struct Traces {
    provider: SdkTracerProvider,
    waiting: Arc<Waiting>,
}

/// Begins to record traces, where somebody takes them. The count of dropped spans is there in any case.
///
/// # Errors
/// The exporter cannot be made.
pub(crate) fn start(
    settings: &TelemetrySettings,
    unit: &'static str,
    registry: &Registry,
) -> Result<Option<Traces>, StartError> {
    let waiting = Arc::new(Waiting::register(registry)?);
    let standard = StandardVariables::read();
    let Some(endpoint) = settings.endpoint(standard) else { return Ok(None) };
    let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
    let exporter = match &endpoint {
        Endpoint::OfSettings(address) => exporter.with_endpoint(address),
        // Its own library reads the variables.
        Endpoint::OfVariables => exporter,
    };
    let exporter = exporter.build().map_err(StartError::part)?;
    let exporter = ReportingExporter::new(exporter, Arc::clone(&waiting));
    let config = BatchConfigBuilder::default().with_max_queue_size(MOST_WAITING).build();
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
    let mut provider = SdkTracerProvider::builder()
        .with_span_processor(BoundedProcessor::new(processor, Arc::clone(&waiting)))
        .with_resource(resource(&settings.service_name, unit));
    if !standard.has_sampler {
        let ratio = Sampler::TraceIdRatioBased(settings.sample_ratio);
        provider = provider.with_sampler(Sampler::ParentBased(Box::new(ratio)));
    }
    let provider = provider.build();
    record_with(provider.tracer("code-keeper"));
    tracing::info!(collector = %endpoint, "traces are recorded");
    Ok(Some(Traces { provider, waiting }))
}

impl Traces {
    /// Sends what waits, for three seconds at most; what is left then is dropped and counted.
    pub(crate) async fn finish(self) {
        let Self { provider, waiting } = self;
        // It blocks, and its library asks for a thread outside the runtime.
        let sent = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(GRACE)).await;
        let lost = waiting.drop_all();
        if lost > 0 || !matches!(sent, Ok(Ok(()))) {
            tracing::warn!(spans = lost, "the collector did not take all spans before the end");
        }
    }
}

/// What all spans say of the unit: what the standard variables say, and its name and version.
fn resource(service_name: &str, unit: &'static str) -> Resource {
    let detected = Resource::builder().build();
    let unknown = |name: &Value| name.as_str().starts_with("unknown_service");
    let named = detected.get(&Key::new("service.name")).filter(|name| !unknown(name));
    let name = match named {
        _ if !service_name.is_empty() => Value::from(service_name.to_owned()),
        Some(name) => name,
        None => Value::from(unit),
    };
    Resource::builder()
        .with_service_name(name)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build()
}
