use std::error::Error;

use thiserror::Error;

type Cause = Box<dyn Error + Send + Sync + 'static>;

/// Why a call of a port did not do what it was asked, told apart by what the caller can do about it.
///
/// The cause is for the log; it is never shown to a client.
#[derive(Debug, Error)]
pub enum PortError {
    /// The other side is not there, or cannot take the call now: the same call may succeed later.
    #[error("{dependency} is unavailable")]
    Unavailable {
        /// The other side, as an operator knows it ("inventory database").
        dependency: &'static str,
        /// What went wrong.
        #[source]
        cause: Cause,
    },
    /// The other side did not answer in time. Whether the call took effect is not known.
    #[error("{dependency} did not answer in time")]
    TimedOut {
        /// The other side, as an operator knows it.
        dependency: &'static str,
        /// What went wrong.
        #[source]
        cause: Cause,
    },
    /// The other side refused the call or answered nonsense: the same call will not succeed later.
    #[error("{dependency} failed")]
    Failed {
        /// The other side, as an operator knows it.
        dependency: &'static str,
        /// What went wrong.
        #[source]
        cause: Cause,
    },
}

impl PortError {
    /// Makes [`Self::Unavailable`].
    pub fn unavailable(dependency: &'static str, cause: impl Into<Cause>) -> Self {
        Self::Unavailable { dependency, cause: cause.into() }
    }

    /// Makes [`Self::TimedOut`].
    pub fn timed_out(dependency: &'static str, cause: impl Into<Cause>) -> Self {
        Self::TimedOut { dependency, cause: cause.into() }
    }

    /// Makes [`Self::Failed`].
    pub fn failed(dependency: &'static str, cause: impl Into<Cause>) -> Self {
        Self::Failed { dependency, cause: cause.into() }
    }

    /// The same call may succeed later.
    pub fn is_transient(&self) -> bool {
        !matches!(self, Self::Failed { .. })
    }

    /// What an audit line calls the outcome of a change that was answered with this.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::TimedOut { .. } => "unknown",
            Self::Unavailable { .. } | Self::Failed { .. } => "failed",
        }
    }

    /// A copy of the error for another caller. Its causes become text, as they cannot be cloned.
    #[must_use]
    pub fn again(&self) -> Self {
        let causes = self.source().map(chain).unwrap_or_default();
        match self {
            Self::Unavailable { dependency, .. } => Self::unavailable(dependency, causes),
            Self::TimedOut { dependency, .. } => Self::timed_out(dependency, causes),
            Self::Failed { dependency, .. } => Self::failed(dependency, causes),
        }
    }

    /// The error with all its causes on one line, for the log.
    pub fn chain(&self) -> String {
        chain(self)
    }
}

/// An error with all its causes on one line, for operators.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        // Many libraries repeat their cause in their own message.
        if !text.ends_with(&message) {
            text = format!("{text}: {message}");
        }
        cause = error.source();
    }
    text.replace(['\n', '\r'], " ")
}

/// What a port's call gives.
pub type PortResult<T> = Result<T, PortError>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_names_every_cause_once_on_one_line() {
        let error = PortError::unavailable("billing database", "no route\nto host");
        assert_eq!(error.chain(), "billing database is unavailable: no route to host");
        assert!(error.is_transient());
        assert_eq!(error.again().chain(), error.chain());
        assert!(!PortError::failed("billing database", "syntax error").is_transient());
    }
}
