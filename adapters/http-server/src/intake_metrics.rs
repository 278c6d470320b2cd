use keeper_wire::ErrorCode;
use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

/// What the intake of orders counts.
#[derive(Debug, Clone)]
pub struct IntakeMetrics {
    accepted: IntCounter,
    refused: IntCounterVec,
}

impl IntakeMetrics {
    /// Registers the instruments.
    ///
    /// # Errors
    /// They are registered already.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let accepted =
            IntCounter::new("orders_accepted_total", "Orders that the queue took responsibility for.")?;
        let refused =
            Opts::new("orders_refused_total", "Orders that were not accepted, by the error's code.");
        let refused = IntCounterVec::new(refused, &["reason"])?;
        for code in [ErrorCode::Invalid, ErrorCode::Unavailable] {
            refused.with_label_values(&[code.as_str()]);
        }
        registry.register(Box::new(accepted.clone()))?;
        registry.register(Box::new(refused.clone()))?;
        Ok(Self { accepted, refused })
    }

    /// An order was accepted.
    pub fn accepted(&self) {
        self.accepted.inc();
    }

    /// An order was refused.
    pub fn refused(&self, code: ErrorCode) {
        self.refused.with_label_values(&[code.as_str()]).inc();
    }
}
