use prometheus::{IntGauge, Registry};

/// How many connections and requests there are at the moment.
#[derive(Debug, Clone)]
pub struct FrontMetrics {
    pub(super) connections: IntGauge,
    pub(super) in_flight: IntGauge,
}

impl FrontMetrics {
    /// Registers the instruments.
    ///
    /// # Errors
    /// They are registered already.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Self::unregistered()?;
        registry.register(Box::new(metrics.connections.clone()))?;
        registry.register(Box::new(metrics.in_flight.clone()))?;
        Ok(metrics)
    }

    /// Instruments that nobody reads.
    pub(super) fn unregistered() -> prometheus::Result<Self> {
        Ok(Self {
            connections: IntGauge::new("http_connections", "Connections that are open.")?,
            in_flight: IntGauge::new("http_in_flight", "Requests whose answer is not written yet.")?,
        })
    }
}
