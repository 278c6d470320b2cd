use std::sync::Arc;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// A number of KiB that long answers share. The longest of them share half of it, so that the others never wait behind them.
#[derive(Debug, Clone)]
pub(super) struct Lanes {
    all: Arc<Semaphore>,
    longest: Arc<Semaphore>,
}

/// The right to so many of the KiB.
#[derive(Debug)]
pub(super) struct LanePermit {
    all: OwnedSemaphorePermit,
    longest: Option<OwnedSemaphorePermit>,
}

impl Lanes {
    pub(super) fn of_kib(most: u32) -> Self {
        let semaphore = |kib: u32| Arc::new(Semaphore::new(usize::try_from(kib).unwrap_or(usize::MAX)));
        Self { all: semaphore(most), longest: semaphore(most / 2) }
    }

    /// Waits for room.
    pub(super) async fn room(&self, kib: u32, longest: bool) -> Result<LanePermit, AcquireError> {
        // The narrower one first: who waits for it keeps nobody else waiting.
        let longest =
            if longest { Some(Arc::clone(&self.longest).acquire_many_owned(kib).await?) } else { None };
        Ok(LanePermit { all: Arc::clone(&self.all).acquire_many_owned(kib).await?, longest })
    }

    /// Takes room that is there.
    pub(super) fn room_now(&self, kib: u32, longest: bool) -> Result<LanePermit, TryAcquireError> {
        let take = |from: &Arc<Semaphore>| Arc::clone(from).try_acquire_many_owned(kib);
        Ok(LanePermit { all: take(&self.all)?, longest: longest.then(|| take(&self.longest)).transpose()? })
    }

    #[cfg(test)]
    pub(super) fn free(&self) -> (usize, usize) {
        (self.all.available_permits(), self.longest.available_permits())
    }
}

impl LanePermit {
    /// The permit for no more than this. `None`: it was for less.
    pub(super) fn reduced(mut self, kib: u32) -> Option<Self> {
        let more = self.all.num_permits().checked_sub(usize::try_from(kib).ok()?)?;
        drop(self.all.split(more));
        drop(self.longest.as_mut().and_then(|longest| longest.split(more)));
        Some(self)
    }
}
