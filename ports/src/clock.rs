use std::time::Duration;

use async_trait::async_trait;
use keeper_domain::Timestamp;

/// Time (driven), so that tests decide what it is.
///
/// ```
/// # use std::time::Duration;
/// # use async_trait::async_trait;
/// # use keeper_domain::Timestamp;
/// # use keeper_ports::Clock;
/// /// Always the same moment.
/// struct Stopped(Timestamp);
///
/// #[async_trait]
/// impl Clock for Stopped {
///     fn now(&self) -> Timestamp {
///         self.0
///     }
///
///     async fn sleep(&self, _duration: Duration) {}
/// }
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// The time of day.
    fn now(&self) -> Timestamp;

    /// Waits.
    async fn sleep(&self, duration: Duration);
}
