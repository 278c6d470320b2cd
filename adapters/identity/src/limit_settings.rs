use keeper_domain::{Invalid, Rate, RatePolicy};
use keeper_settings::WrongSetting;
use serde::{Deserialize, Serialize};

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

/// One rate, as it is written.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
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
            self.of(policy).rate().map_err(|wrong| {
                let key = format!("limits.{}.{}", policy.as_str(), wrong.field());
                WrongSetting::new(key, wrong.rule())
            })?;
        }
        Ok(())
    }

    /// The policies' rates, as [`Self::check`] found them good.
    pub(crate) fn rates(&self) -> impl Iterator<Item = (RatePolicy, Rate)> {
        RatePolicy::ALL.into_iter().filter_map(|policy| Some((policy, self.of(policy).rate().ok()?)))
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

impl PolicySettings {
    /// The rate, if it can be kept.
    pub(crate) fn rate(self) -> Result<Rate, Invalid> {
        Rate::new(self.requests, self.window_s, self.burst)
    }
}

impl From<Rate> for PolicySettings {
    fn from(rate: Rate) -> Self {
        Self { requests: rate.requests(), window_s: rate.window_s(), burst: rate.burst() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: PolicySettings = PolicySettings { requests: 4, window_s: 2, burst: 3 };

    #[test]
    fn limits_that_cannot_be_kept_are_refused() {
        let settings = LimitSettings { enabled: true, reads: ONE, writes: ONE, orders: ONE, failures: ONE };
        assert!(settings.check().is_ok());
        assert_eq!(settings.rates().count(), RatePolicy::ALL.len());
        for (wrong, said) in [
            (PolicySettings { requests: 0, ..ONE }, "limits.orders.requests must be 1 to 1000000"),
            (PolicySettings { window_s: 0, ..ONE }, "limits.orders.window_s must be 1 to 1000000"),
            (PolicySettings { burst: 0, ..ONE }, "limits.orders.burst must be 1 to 1000000"),
            (PolicySettings { burst: 5, ..ONE }, "limits.orders.burst must not be more than requests"),
        ] {
            let error = LimitSettings { orders: wrong, ..settings.clone() }.check().unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
        }
    }
}
