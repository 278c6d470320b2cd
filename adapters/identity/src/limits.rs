use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota as Rate, RateLimiter as Governor};
use keeper_ports::PortResult;
use keeper_ports::access::{Quota, RateLimiter, RatePolicy};
use keeper_settings::WrongSetting;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

/// How often callers are forgotten who have all of their calls back.
const PERIOD: Duration = Duration::from_secs(10);

/// How often callers may call.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitSettings {
    /// Whether there are limits.
    pub enabled: bool,
    /// Reading.
    pub reads: PolicySettings,
    /// Changing the catalogue.
    pub writes: PolicySettings,
    /// Placing orders.
    pub orders: PolicySettings,
    /// Credentials that are refused, by address.
    pub failures: PolicySettings,
}

/// One policy.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySettings {
    /// So many calls in a window.
    pub requests: u32,
    /// The window, in seconds.
    pub window_s: u32,
    /// So many of them at once.
    pub burst: u32,
}

impl LimitSettings {
    /// Says whether these limits can be kept.
    ///
    /// # Errors
    /// A number is zero, or a burst is larger than what a window has.
    pub fn check(&self) -> Result<(), WrongSetting> {
        for policy in RatePolicy::ALL {
            let key = |name: &str| format!("limits.{}.{name}", policy.as_str());
            let PolicySettings { requests, window_s, burst } = self.of(policy);
            for (name, value) in [("requests", requests), ("window_s", window_s), ("burst", burst)] {
                if !(1..=1_000_000).contains(&value) {
                    return Err(WrongSetting::new(key(name), "must be 1 to 1000000"));
                }
            }
            if burst > requests {
                return Err(WrongSetting::new(key("burst"), "must not be more than requests"));
            }
        }
        Ok(())
    }

    fn of(&self, policy: RatePolicy) -> PolicySettings {
        match policy {
            RatePolicy::Reads => self.reads,
            RatePolicy::Writes => self.writes,
            RatePolicy::Orders => self.orders,
            RatePolicy::Failures => self.failures,
        }
    }
}

type Callers = Governor<String, DefaultKeyedStateStore<String>, DefaultClock, StateInformationMiddleware>;

/// One policy, and what each caller has left.
struct Policy {
    settings: PolicySettings,
    /// From one call's return to the next one's.
    interval: Duration,
    callers: Callers,
}

/// The limits of this process: with several replicas, each has its own.
pub struct Limits {
    policies: Vec<(RatePolicy, Policy)>,
    clock: DefaultClock,
}

impl Limits {
    /// Keeps these limits.
    pub fn new(settings: &LimitSettings) -> Self {
        let policies = RatePolicy::ALL
            .into_iter()
            .filter_map(|policy| Some((policy, Policy::new(settings.of(policy))?)));
        Self { policies: policies.collect(), clock: DefaultClock::default() }
    }

    /// Forgets callers now and then, until `stop` is cancelled.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PERIOD) => {}
            }
            for (_, policy) in &self.policies {
                policy.callers.retain_recent();
            }
        }
    }
}

impl Policy {
    fn new(settings: PolicySettings) -> Option<Self> {
        let interval = Duration::from_secs(settings.window_s.into()) / settings.requests.max(1);
        let rate = Rate::with_period(interval)?.allow_burst(NonZeroU32::new(settings.burst)?);
        let callers = Governor::keyed(rate).with_middleware::<StateInformationMiddleware>();
        Some(Self { settings, interval, callers })
    }

    fn quota(&self, granted: bool, remaining: u32, reset: Duration) -> Quota {
        let window = Duration::from_secs(self.settings.window_s.into());
        Quota { granted, limit: self.settings.requests, window, remaining, reset }
    }
}

#[async_trait]
impl RateLimiter for Limits {
    async fn take(&self, policy: RatePolicy, caller: String) -> PortResult<Option<Quota>> {
        let Some((_, policy)) = self.policies.iter().find(|(is, _)| *is == policy) else { return Ok(None) };
        Ok(Some(match policy.callers.check_key(&caller) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let gone = policy.settings.burst.saturating_sub(remaining);
                policy.quota(true, remaining, policy.interval * gone)
            }
            Err(until) => policy.quota(false, 0, until.wait_time_from(self.clock.now())),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: PolicySettings = PolicySettings { requests: 4, window_s: 2, burst: 3 };

    fn settings() -> LimitSettings {
        LimitSettings { enabled: true, reads: ONE, writes: ONE, orders: ONE, failures: ONE }
    }

    async fn take(limits: &Limits, policy: RatePolicy, caller: &str) -> Quota {
        limits.take(policy, caller.to_owned()).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn callers_and_policies_do_not_take_from_each_other() {
        let limits = Limits::new(&settings());
        for policy in RatePolicy::ALL {
            for caller in ["a", "b"] {
                for remaining in [2, 1, 0] {
                    let quota = take(&limits, policy, caller).await;
                    assert!(quota.granted && quota.remaining == remaining, "{quota:?}");
                }
                let quota = take(&limits, policy, caller).await;
                assert!(!quota.granted && quota.remaining == 0 && quota.limit == 4, "{quota:?}");
                assert!(
                    quota.reset > Duration::ZERO && quota.reset <= Duration::from_millis(500),
                    "{quota:?}"
                );
            }
        }
    }

    #[tokio::test]
    async fn what_was_taken_comes_back_by_the_reset() {
        let limits = Limits::new(&settings());
        let mut last = take(&limits, RatePolicy::Reads, "a").await;
        while last.granted {
            last = take(&limits, RatePolicy::Reads, "a").await;
        }
        tokio::time::sleep(last.reset).await;
        assert!(take(&limits, RatePolicy::Reads, "a").await.granted);
    }

    #[test]
    fn limits_that_cannot_be_kept_are_refused() {
        assert!(settings().check().is_ok());
        for wrong in [
            PolicySettings { requests: 0, ..ONE },
            PolicySettings { window_s: 0, ..ONE },
            PolicySettings { burst: 0, ..ONE },
            PolicySettings { burst: 5, ..ONE },
        ] {
            let error = LimitSettings { orders: wrong, ..settings() }.check().unwrap_err();
            assert!(error.key.starts_with("limits.orders."), "{error}");
        }
    }
}
