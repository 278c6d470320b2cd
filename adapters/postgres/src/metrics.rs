use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntGaugeVec, Opts};

use crate::Database;

/// Counts the connections of a database: `db_pool_connections{state="idle"|"used"}`.
#[derive(Debug)]
pub struct PoolMetrics {
    database: Database,
    connections: IntGaugeVec,
}

impl PoolMetrics {
    /// Makes the collector and adds it to the registry.
    ///
    /// # Errors
    /// The registry has such a metric already.
    pub fn register(database: &Database, registry: &prometheus::Registry) -> Result<(), prometheus::Error> {
        let opts = Opts::new("db_pool_connections", "Open connections to the database, by state.");
        let connections = IntGaugeVec::new(opts, &["state"])?;
        registry.register(Box::new(Self { database: database.clone(), connections }))
    }
}

impl Collector for PoolMetrics {
    fn desc(&self) -> Vec<&Desc> {
        self.connections.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let (open, idle) = self.database.pool().counts();
        let set = |state, count| {
            self.connections.with_label_values(&[state]).set(i64::try_from(count).unwrap_or(i64::MAX));
        };
        set("idle", idle);
        set("used", open.saturating_sub(idle));
        self.connections.collect()
    }
}
