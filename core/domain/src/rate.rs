use std::time::Duration;

use crate::Invalid;

/// The largest number in a rate: far above any useful limit, and so small that no sum of two overflows.
const LARGEST: u32 = 1_000_000;

/// Which calls are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RatePolicy {
    /// Reading.
    Reads,
    /// Changing the catalogue.
    Writes,
    /// Placing orders.
    Orders,
    /// Credentials that were refused.
    Failures,
}

impl RatePolicy {
    /// Every policy.
    pub const ALL: [Self; 4] = [Self::Reads, Self::Writes, Self::Orders, Self::Failures];

    /// Those under which a caller is counted who is known: they may have rates of their own.
    pub const OF_CALLERS: [Self; 3] = [Self::Reads, Self::Writes, Self::Orders];

    /// The policy's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Writes => "writes",
            Self::Orders => "orders",
            Self::Failures => "failures",
        }
    }
}

/// How often somebody may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    requests: u32,
    window_s: u32,
    burst: u32,
}

impl Rate {
    /// So many requests in a window of so many seconds, and so many of them at once.
    ///
    /// # Errors
    /// A number is not 1 to 1,000,000, or the burst is more than what a window has.
    pub fn new(requests: u32, window_s: u32, burst: u32) -> Result<Self, Invalid> {
        for (field, number) in [("requests", requests), ("window_s", window_s), ("burst", burst)] {
            if !(1..=LARGEST).contains(&number) {
                return Err(Invalid::new(field, "must be 1 to 1000000"));
            }
        }
        if burst > requests {
            return Err(Invalid::new("burst", "must not be more than requests"));
        }
        Ok(Self { requests, window_s, burst })
    }

    /// So many requests in a window.
    pub fn requests(self) -> u32 {
        self.requests
    }

    /// The window, in seconds.
    pub fn window_s(self) -> u32 {
        self.window_s
    }

    /// The window.
    pub fn window(self) -> Duration {
        Duration::from_secs(self.window_s.into())
    }

    /// So many of them at once.
    pub fn burst(self) -> u32 {
        self.burst
    }
}

/// The rates that a caller has of their own, by policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates([Option<Rate>; RatePolicy::OF_CALLERS.len()]);

impl Rates {
    /// The rate under the policy; `None`: the usual one.
    pub fn of(&self, policy: RatePolicy) -> Option<Rate> {
        self.iter().find(|(of, _)| *of == policy).map(|(_, rate)| rate)
    }

    /// Those that there are, in the order of [`RatePolicy::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (RatePolicy, Rate)> {
        RatePolicy::OF_CALLERS.into_iter().zip(self.0).filter_map(|(policy, rate)| Some((policy, rate?)))
    }
}

/// Of several for one policy the last one is it. Where a policy is none of callers, there is nothing to have.
impl FromIterator<(RatePolicy, Rate)> for Rates {
    fn from_iter<T: IntoIterator<Item = (RatePolicy, Rate)>>(rates: T) -> Self {
        let mut own = Self::default();
        for (policy, rate) in rates {
            if let Some(at) = RatePolicy::OF_CALLERS.iter().position(|of| *of == policy) {
                own.0[at] = Some(rate);
            }
        }
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_can_be_kept() {
        let rate = Rate::new(600, 60, 100).unwrap();
        assert_eq!((rate.requests(), rate.window(), rate.burst()), (600, Duration::from_mins(1), 100));
        for ((requests, window_s, burst), field) in [
            ((0, 1, 1), "requests"),
            ((1_000_001, 1, 1), "requests"),
            ((1, 0, 1), "window_s"),
            ((1, 1, 0), "burst"),
            ((4, 1, 5), "burst"),
        ] {
            assert_eq!(Rate::new(requests, window_s, burst).unwrap_err().field(), field);
        }
    }

    #[test]
    fn a_caller_has_rates_of_their_own_where_there_are_some() {
        let (slow, fast) = (Rate::new(1, 60, 1).unwrap(), Rate::new(9, 1, 9).unwrap());
        let own: Rates = [RatePolicy::Orders, RatePolicy::Failures, RatePolicy::Reads]
            .into_iter()
            .zip([slow, slow, fast])
            .collect();
        assert_eq!(own.iter().collect::<Vec<_>>(), [(RatePolicy::Reads, fast), (RatePolicy::Orders, slow)]);
        let of = |policy| own.of(policy);
        assert_eq!(RatePolicy::ALL.map(of), [Some(fast), None, Some(slow), None]);
        assert_eq!(Rates::default().iter().count(), 0);
    }
}
