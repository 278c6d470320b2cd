//! Limits how many requests may wait for orders, so that those that wait leave room for those that work.

use std::sync::Arc;

use keeper_wire::ErrorCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{ApiError, HttpSettings};

/// The permits of requests that wait.
pub(crate) struct Waiters(Arc<Semaphore>);

impl Waiters {
    /// An eighth of the requests that may be in flight may wait: half of those that a gateway may have under way at billing.
    pub(crate) fn of(settings: &HttpSettings) -> Self {
        Self(Arc::new(Semaphore::new((settings.max_in_flight / 8).max(1))))
    }

    /// A permit, which is taken until it is dropped.
    ///
    /// # Errors
    /// `overloaded`, when all are taken.
    pub(crate) fn permit(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let permit = Arc::clone(&self.0).try_acquire_owned();
        permit.map_err(|_| ApiError::new(ErrorCode::Overloaded, "too many requests wait for orders"))
    }
}
