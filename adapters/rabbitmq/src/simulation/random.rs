use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The one source of randomness of a run: the same seed gives the same numbers (`SplitMix64`).
#[derive(Clone)]
pub(super) struct Random(Arc<AtomicU64>);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed)))
    }

    fn next(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let state = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0.
    pub(super) fn below(&self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// Yes, in so many of a hundred cases.
    pub(super) fn percent(&self, yes: usize) -> bool {
        self.below(100) < yes
    }

    /// A time below so many milliseconds.
    pub(super) fn millis(&self, end: usize) -> Duration {
        Duration::from_millis(self.below(end) as u64)
    }
}
