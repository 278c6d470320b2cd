use std::sync::Arc;
use std::time::Duration;

use keeper_batching::BatchedCatalog;
use keeper_breaker::{Breaker, BreakerMetrics, Bulkhead, GuardedCatalog};
use keeper_ports::inventory::MovieCatalog;

/// The catalogue of inventory, whose reads by id share trips. So many callers may wait for it at once; its breaker counts trips,
/// as the callers of one that hangs would look like an upstream that does not answer.
pub(crate) fn shared(
    inventory: Arc<dyn MovieCatalog>,
    max_calls: usize,
    timeout: Duration,
    breakers: &BreakerMetrics,
) -> Arc<dyn MovieCatalog> {
    let name = "inventory";
    let catalog = Arc::new(GuardedCatalog::new(Breaker::new(name, breakers), inventory));
    let catalog = Arc::new(BatchedCatalog::new(name, catalog, timeout));
    Arc::new(GuardedCatalog::new(Bulkhead::new(name, max_calls), catalog))
}

#[cfg(test)]
#[path = "catalog_tests.rs"]
mod tests;
