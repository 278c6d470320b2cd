use async_trait::async_trait;

use crate::PortResult;

/// Says whether a dependency is answering (driven).
///
/// ```
/// # use async_trait::async_trait;
/// # use keeper_ports::{PortError, PortResult, Probe};
/// struct File(std::path::PathBuf);
///
/// #[async_trait]
/// impl Probe for File {
///     fn name(&self) -> &'static str {
///         "settings file"
///     }
///
///     async fn check(&self) -> PortResult<()> {
///         std::fs::metadata(&self.0).map(drop).map_err(|error| PortError::unavailable(self.name(), error))
///     }
/// }
/// ```
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Probe: Send + Sync + 'static {
    /// The dependency, as an operator knows it ("inventory database").
    fn name(&self) -> &'static str;

    /// Whether what it looks at logs by itself that the dependency went away or came back, so that nobody else needs to.
    fn is_logged(&self) -> bool {
        false
    }

    /// Asks the dependency whether it can do its work. It MUST answer within a few seconds and MUST change nothing.
    ///
    /// # Errors
    /// The dependency does not answer, or cannot do its work yet.
    async fn check(&self) -> PortResult<()>;
}
