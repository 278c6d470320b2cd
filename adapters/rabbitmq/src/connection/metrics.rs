use prometheus::{IntGauge, IntGaugeVec, Opts, Registry};

/// What a connection is for: each purpose has its own, since the broker blocks a connection that publishes while it is
/// short of memory or disk, and acknowledgements must go on then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectionRole {
    /// Publishes to the queue.
    Publisher,
    /// Consumes the queue.
    Consumer,
    /// Works on the dead letters: a consumer's second connection, over which it publishes, or an operator's.
    DeadLetters,
}

impl ConnectionRole {
    /// The role as metrics and the log have it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Publisher => "publisher",
            Self::Consumer => "consumer",
            Self::DeadLetters => "dead_letters",
        }
    }

    /// Messages are published over it, and the broker is to confirm them.
    pub(crate) fn publishes(self) -> bool {
        matches!(self, Self::Publisher | Self::DeadLetters)
    }
}

/// What a unit measures of its connections: registered once, and shared by all queues of the unit.
#[derive(Debug, Clone)]
pub struct BrokerMetrics {
    connected: IntGaugeVec,
    unconfirmed: IntGauge,
}

impl BrokerMetrics {
    /// Registers `broker_connected`, by queue and side, and `orders_unconfirmed`, over all queues.
    ///
    /// # Errors
    /// They are registered already.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Self::unregistered()?;
        registry.register(Box::new(metrics.connected.clone()))?;
        registry.register(Box::new(metrics.unconfirmed.clone()))?;
        Ok(metrics)
    }

    /// Makes instruments that nobody reads: for a command.
    ///
    /// # Errors
    /// None is known.
    pub fn unregistered() -> prometheus::Result<Self> {
        let connected =
            Opts::new("broker_connected", "1 while the connection to the broker is usable, else 0.");
        let connected = IntGaugeVec::new(connected, &["queue", "side"])?;
        let unconfirmed =
            IntGauge::new("orders_unconfirmed", "Messages published that the broker has not confirmed yet.")?;
        Ok(Self { connected, unconfirmed })
    }

    pub(crate) fn connected(&self, queue: &str, role: ConnectionRole) -> IntGauge {
        self.connected.with_label_values(&[queue, role.as_str()])
    }

    pub(crate) fn unconfirmed(&self) -> IntGauge {
        self.unconfirmed.clone()
    }
}
