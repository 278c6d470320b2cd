use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntGaugeVec, Opts, Registry};

/// Counts the connections to a unit's databases: `db_pool_connections{state="idle"|"used"}`. `counts` gives the
/// numbers of those that are open, and of those that are idle.
///
/// # Errors
/// The registry has such a metric already.
pub fn register_pool(
    registry: &Registry,
    counts: impl Fn() -> (usize, usize) + Send + Sync + 'static,
) -> prometheus::Result<()> {
    let opts = Opts::new("db_pool_connections", "Open connections to the database, by state.");
    let connections = IntGaugeVec::new(opts, &["state"])?;
    registry.register(Box::new(Pool { counts, connections }))
}

struct Pool<F> {
    counts: F,
    connections: IntGaugeVec,
}

impl<F: Fn() -> (usize, usize) + Send + Sync> Collector for Pool<F> {
    fn desc(&self) -> Vec<&Desc> {
        self.connections.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let (open, idle) = (self.counts)();
        let set = |state, count| {
            self.connections.with_label_values(&[state]).set(i64::try_from(count).unwrap_or(i64::MAX));
        };
        set("idle", idle);
        set("used", open.saturating_sub(idle));
        self.connections.collect()
    }
}
