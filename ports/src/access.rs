//! The ports of the edge: who calls, and how often they may.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use keeper_domain::{Means, Principal, Rate, RatePolicy};

use crate::PortResult;

/// What a caller shows to say who they are. It is a secret: `Debug` shows its kind only.
#[derive(Clone, PartialEq, Eq)]
pub struct Presented {
    /// What kind of credentials it is.
    pub means: Means,
    secret: String,
}

impl Presented {
    /// Takes what was shown.
    pub fn new(means: Means, secret: impl Into<String>) -> Self {
        Self { means, secret: secret.into() }
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.secret
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Presented({})", self.means.as_str())
    }
}

/// What became of credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recognition {
    /// They are somebody's.
    Known(Principal),
    /// They are not good. Why is for the log; the caller must not learn it.
    Refused(&'static str),
}

/// Says who is behind credentials (driven).
///
/// What is refused and what could not be checked are different answers:
///
/// ```
/// # use keeper_domain::Means;
/// # use keeper_ports::PortResult;
/// # use keeper_ports::access::{Credentials, Presented, Recognition};
/// async fn is_somebody(credentials: &dyn Credentials, key: &str) -> PortResult<bool> {
///     let recognised = credentials.recognise(Presented::new(Means::ApiKey, key)).await?;
///     Ok(matches!(recognised, Recognition::Known(_)))
/// }
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Credentials: Send + Sync + 'static {
    /// Recognises the caller. Credentials that are unknown, wrong, expired, revoked or of a kind that is not used MUST be
    /// refused. How long it takes MUST NOT depend on how much of a secret is right, and no secret MUST be in an error.
    ///
    /// # Errors
    /// What is needed to check them is not there, so that nobody knows whether they are good.
    async fn recognise(&self, presented: Presented) -> PortResult<Recognition>;
}

/// What is left to a caller under a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// The call may go on.
    pub granted: bool,
    /// How many calls the policy allows within its window.
    pub limit: u32,
    /// The policy's window.
    pub window: Duration,
    /// How many calls may follow at once.
    pub remaining: u32,
    /// When the next call is possible where none remains, else when all are there again.
    pub reset: Duration,
}

/// Says whether a caller may go on (driven).
///
/// A policy without a limit lets everybody go on:
///
/// ```
/// # use keeper_domain::RatePolicy;
/// # use keeper_ports::{PortResult, access::RateLimiter};
/// async fn may_read(limiter: &dyn RateLimiter, address: &str) -> PortResult<bool> {
///     let quota = limiter.take(RatePolicy::Reads, address.to_owned(), None).await?;
///     Ok(quota.is_none_or(|quota| quota.granted))
/// }
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait RateLimiter: Send + Sync + 'static {
    /// Takes one call from what the caller has left under the policy: by the rate of their `own`, where they have one, else by
    /// the policy's usual rate. `None`: the policy has no limit, nor has the caller one of their own.
    ///
    /// Callers MUST NOT take from each other, nor policies. No more calls MUST be granted at once than the rate's burst, however
    /// many come at the same time. A call after the reset MUST be granted, where nobody was faster.
    ///
    /// # Errors
    /// Nobody knows what is left.
    async fn take(&self, policy: RatePolicy, caller: String, own: Option<Rate>) -> PortResult<Option<Quota>>;
}
