use std::sync::Arc;

use async_trait::async_trait;
use keeper_domain::Means;
use keeper_ports::access::{Credentials, Presented, Recognition};
use keeper_ports::{Clock, PortError, PortResult};

use super::JwtSettings;
use super::cache::Cache;
use super::claims::{key_id, verify};
use super::issuer::{Found, Issuer};
use super::signature::use_ring;

/// Recognises whoever has a token of the issuer.
pub struct Tokens {
    settings: JwtSettings,
    issuer: Arc<Issuer>,
    clock: Arc<dyn Clock>,
    cache: Cache,
}

impl Tokens {
    /// Believes tokens of this issuer.
    pub fn new(settings: JwtSettings, issuer: Arc<Issuer>, clock: Arc<dyn Clock>) -> Self {
        use_ring();
        Self { settings, issuer, clock, cache: Cache::default() }
    }
}

#[async_trait]
impl Credentials for Tokens {
    async fn recognise(&self, presented: Presented) -> PortResult<Recognition> {
        if presented.means != Means::Token {
            return Ok(Recognition::Refused("API keys are not used here"));
        }
        let token = presented.expose();
        let id = match key_id(token) {
            Ok(id) => id,
            Err(why) => return Ok(Recognition::Refused(why)),
        };
        let now = self.clock.now().as_millis().div_euclid(1_000);
        let generation = self.issuer.generation();
        if let Some(verified) = self.cache.find(token, now, generation) {
            return Ok(Recognition::Known(verified.principal));
        }
        let key = match self.issuer.key(id.as_deref()).await {
            Found::Key(key) => key,
            Found::Unknown => {
                return Ok(Recognition::Refused("signed with a key that the issuer does not have"));
            }
            Found::NotKnowable(why) => return Err(PortError::unavailable("the issuer of tokens", why)),
        };
        match verify(token, &key, &self.settings, now) {
            Ok(verified) => {
                self.cache.keep(token, verified.clone(), now, generation);
                Ok(Recognition::Known(verified.principal))
            }
            Err(why) => Ok(Recognition::Refused(why)),
        }
    }
}
