use prometheus::{IntGauge, IntGaugeVec, Opts, Registry};

/// The states of a unit's breakers: registered once, and shared by all of them.
#[derive(Debug, Clone)]
pub struct BreakerMetrics(IntGaugeVec);

impl BreakerMetrics {
    /// Registers `breaker_state`, by upstream.
    ///
    /// # Errors
    /// It is registered already.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let says = "0: calls go through; 1: one call is tried; 2: calls fail at once, as the upstream does not answer.";
        let state = IntGaugeVec::new(Opts::new("breaker_state", says), &["upstream"])?;
        registry.register(Box::new(state.clone()))?;
        Ok(Self(state))
    }

    pub(crate) fn of(&self, upstream: &str) -> IntGauge {
        self.0.with_label_values(&[upstream])
    }
}
