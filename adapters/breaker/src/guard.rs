use keeper_ports::PortResult;

use crate::{Breaker, Bulkhead, Upstream};

/// What lets calls of an upstream through, or not.
pub trait Guard: Send + Sync + 'static {
    /// Makes a call.
    ///
    /// # Errors
    /// Those of the call; and `Unavailable`, when it was not made.
    fn guard<T: Send>(
        &self,
        call: impl Future<Output = PortResult<T>> + Send,
    ) -> impl Future<Output = PortResult<T>> + Send;
}

impl Guard for Bulkhead {
    async fn guard<T: Send>(&self, call: impl Future<Output = PortResult<T>> + Send) -> PortResult<T> {
        self.call(call).await
    }
}

impl Guard for Breaker {
    async fn guard<T: Send>(&self, call: impl Future<Output = PortResult<T>> + Send) -> PortResult<T> {
        self.call_for(std::time::Duration::ZERO, call).await
    }
}

impl Guard for Upstream {
    async fn guard<T: Send>(&self, call: impl Future<Output = PortResult<T>> + Send) -> PortResult<T> {
        self.call(call).await
    }
}
