//! Limits how many rows may be in pages that are being made, and so the memory that lists take.

use std::sync::Arc;
use std::time::Duration;

use keeper_domain::PageLimit;
use keeper_wire::ErrorCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::ApiError;

/// Two of the largest pages, or twenty of the usual ones. A movie may have 10,000 characters, and is there several times
/// over while a page is made.
const MAX_ROWS: usize = 2_000;

/// How long a page waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// The places of rows in pages that are being made.
pub(crate) struct Rows(Arc<Semaphore>);

impl Rows {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(MAX_ROWS)))
    }

    /// Waits until a page of this size may be made; it is counted until the place is dropped.
    ///
    /// # Errors
    /// `unavailable`, when that takes too long.
    pub(crate) async fn place(&self, limit: PageLimit) -> Result<OwnedSemaphorePermit, ApiError> {
        let place = Arc::clone(&self.0).acquire_many_owned(u32::from(limit.get()));
        match timeout(PATIENCE, place).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(ApiError::new(
                ErrorCode::Unavailable,
                "too many long lists are asked for at the same time",
            )),
        }
    }
}
