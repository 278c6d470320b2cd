use keeper_ports::{PortError, PortResult};
use tokio::sync::Semaphore;

/// Bounds how many calls of an upstream are under way at once.
#[derive(Debug)]
pub struct Bulkhead {
    upstream: &'static str,
    permits: Semaphore,
}

impl Bulkhead {
    /// Bounds the calls of an upstream, whose name is for operators.
    pub fn new(upstream: &'static str, max_calls: usize) -> Self {
        Self { upstream, permits: Semaphore::new(max_calls.clamp(1, Semaphore::MAX_PERMITS)) }
    }

    /// Makes a call.
    ///
    /// # Errors
    /// Those of the call; and `Unavailable`, when it was not made: too many are under way.
    pub(crate) async fn call<T>(&self, call: impl Future<Output = PortResult<T>>) -> PortResult<T> {
        let full = |_| PortError::unavailable(self.upstream, "too many calls are under way");
        let _permit = self.permits.try_acquire().map_err(full)?;
        call.await
    }
}
