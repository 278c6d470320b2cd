//! The limits of a process.

use std::sync::Arc;

use keeper_domain::{Rate, RatePolicy};
use keeper_identity::Limits;
use keeper_tests::contract::rate_limiter::Subject;

keeper_tests::rate_limiter_contract!(super::limits);

#[expect(clippy::unused_async, reason = "the suites await their fixtures")]
async fn limits() -> (Subject, ()) {
    let rate = |requests, window_s, burst| Rate::new(requests, window_s, burst).unwrap();
    let limits = Limits::of([
        (RatePolicy::Reads, rate(600, 600, 3)),
        (RatePolicy::Writes, rate(600, 600, 2)),
        (RatePolicy::Orders, rate(2, 1, 2)),
    ]);
    (Subject { limiter: Arc::new(limits) }, ())
}
