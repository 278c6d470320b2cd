use std::sync::Arc;

use async_trait::async_trait;
use keeper_domain::Means;
use keeper_ports::PortResult;
use keeper_ports::access::{Credentials, Presented, Recognition};

/// All kinds of credentials that are used.
#[derive(Default)]
pub struct Identity {
    /// API keys.
    pub keys: Option<Arc<dyn Credentials>>,
    /// Tokens of an issuer.
    pub tokens: Option<Arc<dyn Credentials>>,
}

#[async_trait]
impl Credentials for Identity {
    async fn recognise(&self, presented: Presented) -> PortResult<Recognition> {
        match (presented.means, &self.keys, &self.tokens) {
            (Means::ApiKey, Some(keys), _) => keys.recognise(presented).await,
            (Means::Token, _, Some(tokens)) => tokens.recognise(presented).await,
            _ => Ok(Recognition::Refused("of a kind that is not used")),
        }
    }
}
