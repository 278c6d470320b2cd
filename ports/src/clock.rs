use std::time::Duration;

use async_trait::async_trait;
use keeper_domain::Timestamp;

/// Time (driven), so that tests decide what it is.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// The time of day.
    fn now(&self) -> Timestamp;

    /// Waits.
    async fn sleep(&self, duration: Duration);
}
