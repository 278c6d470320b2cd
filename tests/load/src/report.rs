use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::answer::Answer;
use crate::call::Call;

/// So many kinds of failures are told apart.
const MOST_FAILURES: usize = 50;

/// What was done, how long it took, and what failed.
#[derive(Debug)]
pub(crate) struct Report(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    calls: BTreeMap<Call, Times>,
    failures: BTreeMap<(Call, String), u64>,
    not_made: u64,
    began: u64,
    failed: u64,
}

/// Of a call's good answers.
#[derive(Debug)]
struct Times {
    failed: u64,
    /// In microseconds, exact to three digits; longer than a day counts as a day.
    took: Histogram<u64>,
}

/// What was done so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Progress {
    /// Requests that were answered, or were not.
    pub(crate) requests: u64,
    /// Those that failed.
    pub(crate) failed: u64,
    /// Visits that were not made, as there were too many at once.
    pub(crate) not_made: u64,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self(Mutex::default())
    }

    /// Counts a request; `took` is the time from when it was due.
    pub(crate) fn count(&self, call: Call, took: Duration, answer: &Answer) {
        let failure = answer.failure();
        let mut counts = self.counts();
        counts.began += 1;
        counts.failed += u64::from(failure.is_some());
        counts.times(call).add(took, failure.is_some());
        if let Some(failure) = failure {
            let known = counts.failures.len() < MOST_FAILURES;
            let key = (call, if known { failure } else { "others".to_owned() });
            *counts.failures.entry(key).or_default() += 1;
        }
    }

    /// Keeps how long something took that is no request.
    pub(crate) fn took(&self, call: Call, took: Duration) {
        self.counts().times(call).add(took, false);
    }

    /// Counts a visit that was not made.
    pub(crate) fn not_made(&self) {
        self.counts().not_made += 1;
    }

    pub(crate) fn progress(&self) -> Progress {
        let counts = self.counts();
        Progress { requests: counts.began, failed: counts.failed, not_made: counts.not_made }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn times(&mut self, call: Call) -> &mut Times {
        self.calls.entry(call).or_insert_with(Times::new)
    }
}

impl Times {
    const LONGEST_US: u64 = 86_400_000_000;

    #[expect(clippy::expect_used, reason = "the bounds are constants, and a test makes one")]
    fn new() -> Self {
        let took = Histogram::new_with_bounds(1, Self::LONGEST_US, 3).expect("the bounds are good");
        Self { failed: 0, took }
    }

    fn add(&mut self, took: Duration, failed: bool) {
        if failed {
            self.failed += 1;
        } else {
            let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            self.took.saturating_record(us.clamp(1, Self::LONGEST_US));
        }
    }
}

impl Display for Report {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        let counts = self.counts();
        writeln!(to, "                      good   failed  p50 ms  p90 ms  p99 ms  p99.9 ms    max ms")?;
        for (call, times) in &counts.calls {
            write!(to, "{:<16} {:>9} {:>8}", call.name(), times.took.len(), times.failed)?;
            for (quantile, width) in [(0.5, 7), (0.9, 7), (0.99, 7), (0.999, 9), (1.0, 9)] {
                let us = if times.took.is_empty() { 0 } else { times.took.value_at_quantile(quantile) };
                write!(to, " {:>width$}.{}", us / 1_000, us % 1_000 / 100, width = width - 2)?;
            }
            writeln!(to)?;
        }
        for ((call, failure), count) in &counts.failures {
            writeln!(to, "{count} times {}: {failure}", call.name())?;
        }
        if counts.not_made > 0 {
            writeln!(to, "{} visits were not made, as there were too many at once", counts.not_made)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use serde_json::Value;

    use super::*;

    #[test]
    fn percentiles_and_failures_are_told() {
        let report = Report::new();
        let good = Answer::Good(Value::Null, None);
        for ms in 1..=1_000 {
            report.count(Call::ReadMovie, Duration::from_millis(ms), &good);
        }
        let refused = Answer::Refused(StatusCode::SERVICE_UNAVAILABLE, "unavailable".to_owned());
        report.count(Call::PlaceOrder, Duration::from_secs(5), &refused);
        report.count(Call::PlaceOrder, Duration::MAX, &Answer::None("time-out"));
        report.count(Call::PlaceOrder, Duration::ZERO, &good);
        report.not_made();
        let told = report.to_string();
        let line = |call| told.lines().find(|line| line.starts_with(call)).unwrap().to_owned();
        let numbers: Vec<f64> =
            line("read movie").split_whitespace().skip(2).map(|number| number.parse().unwrap()).collect();
        for (number, expected) in numbers.iter().zip([1_000.0, 0.0, 500.0, 900.0, 990.0, 999.0, 1_000.0]) {
            assert!((number - expected).abs() <= 1.0, "{told}");
        }
        assert!(line("place order").contains("1        2"), "{told}");
        assert!(told.contains("1 times place order: 503 unavailable"), "{told}");
        assert!(told.contains("1 times place order: time-out"), "{told}");
        assert!(told.contains("1 visits were not made"), "{told}");
        let progress = report.progress();
        assert_eq!((progress.requests, progress.failed, progress.not_made), (1_003, 2, 1));
    }

    #[test]
    fn the_memory_of_failures_is_bounded() {
        let report = Report::new();
        for code in 0..1_000 {
            let refused = Answer::Refused(StatusCode::BAD_GATEWAY, format!("code {code}"));
            report.count(Call::AddMovie, Duration::ZERO, &refused);
        }
        assert!(report.to_string().lines().count() < 60);
        assert!(report.to_string().contains("950 times add movie: others"));
    }
}
