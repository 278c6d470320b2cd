use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota as GovernorQuota, RateLimiter as Governor};
use keeper_domain::{Rate, RatePolicy};
use keeper_ports::PortResult;
use keeper_ports::access::{Quota, RateLimiter};
use tokio_util::sync::CancellationToken;

use crate::LimitSettings;

/// How often callers are forgotten who have all of their calls back.
const PERIOD: Duration = Duration::from_secs(10);

/// The limits of this process: with several replicas, each has its own.
pub struct Limits {
    usual: Vec<(RatePolicy, Arc<Counter>)>,
    /// Those of callers that have rates of their own, made at their first call: two of one rate share one.
    own: RwLock<HashMap<(RatePolicy, Rate), Arc<Counter>>>,
    clock: DefaultClock,
}

impl Limits {
    /// Keeps these limits.
    pub fn new(settings: &LimitSettings) -> Self {
        Self::of(settings.rates())
    }

    /// Keeps these limits; a policy that is not among them has none.
    pub fn of(rates: impl IntoIterator<Item = (RatePolicy, Rate)>) -> Self {
        let counter = |(policy, rate)| Some((policy, Arc::new(Counter::new(rate)?)));
        let usual = rates.into_iter().filter_map(counter).collect();
        Self { usual, own: RwLock::default(), clock: DefaultClock::default() }
    }

    /// Forgets callers now and then, until `stop` is cancelled.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PERIOD) => self.forget(),
            }
        }
    }

    fn forget(&self) {
        for (_, counter) in &self.usual {
            counter.callers.retain_recent();
        }
        let mut own = self.own.write().unwrap_or_else(PoisonError::into_inner);
        own.retain(|_, counter| {
            counter.callers.retain_recent();
            !counter.callers.is_empty()
        });
    }

    fn counter(&self, policy: RatePolicy, own: Option<Rate>) -> Option<Arc<Counter>> {
        let Some(rate) = own else {
            return self.usual.iter().find(|(is, _)| *is == policy).map(|(_, counter)| Arc::clone(counter));
        };
        let known = self.own.read().unwrap_or_else(PoisonError::into_inner).get(&(policy, rate)).cloned();
        if known.is_some() {
            return known;
        }
        let new = Arc::new(Counter::new(rate)?);
        let mut own = self.own.write().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(own.entry((policy, rate)).or_insert(new)))
    }
}

type Callers = Governor<String, DefaultKeyedStateStore<String>, DefaultClock, StateInformationMiddleware>;

/// One rate, and what each caller has left of it.
struct Counter {
    rate: Rate,
    /// From one call's return to the next one's.
    interval: Duration,
    callers: Callers,
}

impl Counter {
    /// `None` only for a rate that there is not: none of its numbers is zero.
    fn new(rate: Rate) -> Option<Self> {
        let interval = rate.window() / rate.requests();
        let quota = GovernorQuota::with_period(interval)?.allow_burst(NonZeroU32::new(rate.burst())?);
        let callers = Governor::keyed(quota).with_middleware::<StateInformationMiddleware>();
        Some(Self { rate, interval, callers })
    }

    fn take(&self, caller: &String, clock: &DefaultClock) -> Quota {
        match self.callers.check_key(caller) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let gone = self.rate.burst().saturating_sub(remaining);
                self.quota(true, remaining, self.interval * gone)
            }
            Err(until) => self.quota(false, 0, until.wait_time_from(clock.now())),
        }
    }

    fn quota(&self, granted: bool, remaining: u32, reset: Duration) -> Quota {
        Quota { granted, limit: self.rate.requests(), window: self.rate.window(), remaining, reset }
    }
}

#[async_trait]
impl RateLimiter for Limits {
    async fn take(&self, policy: RatePolicy, caller: String, own: Option<Rate>) -> PortResult<Option<Quota>> {
        Ok(self.counter(policy, own).map(|counter| counter.take(&caller, &self.clock)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What they are held to is in the contract suite of the port; this is what nobody sees from outside.
    #[tokio::test]
    async fn rates_of_their_own_are_forgotten_with_their_callers() {
        let limits = Limits::of([]);
        let rate = |requests, window_s| Rate::new(requests, window_s, 1).unwrap();
        for (caller, own) in [("a", rate(1_000, 1)), ("b", rate(1, 600)), ("c", rate(1, 600))] {
            assert!(limits.take(RatePolicy::Reads, caller.into(), Some(own)).await.unwrap().unwrap().granted);
        }
        let kept = || limits.own.read().unwrap().len();
        assert_eq!(kept(), 2);
        tokio::time::sleep(Duration::from_millis(20)).await;
        limits.forget();
        assert_eq!(kept(), 1);
    }
}
