use prometheus::{IntGauge, IntGaugeVec, Opts, Registry};

/// Which of a unit's connections: each purpose has its own, since the broker blocks a connection that publishes while
/// it is short of memory or disk, and acknowledgements must go on then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Publisher,
    Consumer,
    /// The consumer's second connection, over which it publishes.
    DeadLetters,
}

impl Side {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Publisher => "publisher",
            Self::Consumer => "consumer",
            Self::DeadLetters => "dead_letters",
        }
    }
}

/// What a unit measures of its connections.
#[derive(Debug, Clone)]
pub(crate) struct BrokerMetrics {
    connected: IntGaugeVec,
    unconfirmed: IntGauge,
}

impl BrokerMetrics {
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let connected =
            Opts::new("broker_connected", "1 while the connection to the broker is usable, else 0.");
        let connected = IntGaugeVec::new(connected, &["side"])?;
        let unconfirmed =
            IntGauge::new("orders_unconfirmed", "Messages published that the broker has not confirmed yet.")?;
        registry.register(Box::new(connected.clone()))?;
        registry.register(Box::new(unconfirmed.clone()))?;
        Ok(Self { connected, unconfirmed })
    }

    pub(crate) fn connected(&self, side: Side) -> IntGauge {
        self.connected.with_label_values(&[side.as_str()])
    }

    pub(crate) fn unconfirmed(&self) -> IntGauge {
        self.unconfirmed.clone()
    }
}
