use std::time::Duration;

/// The pauses between attempts of a call that fails for now: each is twice the one before, up to the longest.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
    failing: bool,
}

impl Backoff {
    /// Starts with the first pause.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first, failing: false }
    }

    /// The pauses of a queue's consumer while [`OrderHandler`](crate::billing::OrderHandler) fails: 100 ms to 5 s.
    pub const fn of_handling() -> Self {
        Self::new(Duration::from_millis(100), Duration::from_secs(5))
    }

    /// Says whether an attempt failed and none succeeded since.
    pub fn is_failing(&self) -> bool {
        self.failing
    }

    /// An attempt failed: how long to wait before the next.
    pub fn failed(&mut self) -> Duration {
        self.failing = true;
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        pause
    }

    /// An attempt succeeded: the next pause is the first again.
    pub fn succeeded(&mut self) {
        self.failing = false;
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_failures_has_longer_and_longer_pauses() {
        let mut backoff = Backoff::of_handling();
        let pauses: Vec<_> = (0..8).map(|_| backoff.failed().as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    }

    #[test]
    fn a_success_ends_the_row() {
        let mut backoff = Backoff::of_handling();
        assert!(!backoff.is_failing());
        for expected in [100, 200] {
            assert_eq!(backoff.failed().as_millis(), expected);
        }
        assert!(backoff.is_failing());
        backoff.succeeded();
        assert!(!backoff.is_failing());
        assert_eq!(backoff.failed().as_millis(), 100);
    }
}
