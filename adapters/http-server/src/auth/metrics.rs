use keeper_domain::{Caller, Means, RatePolicy};
use prometheus::{IntCounterVec, Opts, Registry};

/// What the edge counts.
#[derive(Debug, Clone)]
pub struct AccessMetrics {
    decisions: IntCounterVec,
    limited: IntCounterVec,
}

/// Who has no credentials.
const NOBODY: &str = "none";

impl AccessMetrics {
    /// Registers the instruments.
    ///
    /// # Errors
    /// They are registered already.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let decisions = Opts::new("auth_decisions_total", "Calls that were let in or not.");
        let decisions = IntCounterVec::new(decisions, &["outcome", "via"])?;
        let limited = Opts::new("rate_limited_total", "Calls that were too many for their caller.");
        let limited = IntCounterVec::new(limited, &["policy"])?;
        for outcome in ["allowed", "unauthenticated", "forbidden"] {
            for via in Means::ALL.map(Means::as_str).into_iter().chain([NOBODY]) {
                decisions.with_label_values(&[outcome, via]);
            }
        }
        for policy in RatePolicy::ALL {
            limited.with_label_values(&[policy.as_str()]);
        }
        registry.register(Box::new(decisions.clone()))?;
        registry.register(Box::new(limited.clone()))?;
        Ok(Self { decisions, limited })
    }

    pub(super) fn decided(&self, outcome: &str, means: Option<Means>) {
        self.decisions.with_label_values(&[outcome, means.map_or(NOBODY, Means::as_str)]).inc();
    }

    pub(super) fn limited(&self, policy: RatePolicy) {
        self.limited.with_label_values(&[policy.as_str()]).inc();
    }
}

pub(super) fn means_of(caller: &Caller) -> Option<Means> {
    match caller {
        Caller::Known(principal) => Some(principal.means),
        Caller::Anonymous | Caller::Unchecked => None,
    }
}
