use async_trait::async_trait;
use keeper_ports::{PortResult, Probe};
use reqwest::Method;

use crate::Service;

/// Asks a service for something small that needs its database.
pub struct HttpProbe {
    service: Service,
    path: &'static str,
}

impl HttpProbe {
    /// Probes an inventory service.
    pub fn inventory(service: Service) -> Self {
        Self { service, path: "/api/movies?limit=1" }
    }

    /// Probes a billing service.
    pub fn billing(service: Service) -> Self {
        Self { service, path: "/api/billing/orders?user_id=probe&limit=1" }
    }
}

#[async_trait]
impl Probe for HttpProbe {
    fn name(&self) -> &'static str {
        self.service.dependency()
    }

    async fn check(&self) -> PortResult<()> {
        self.service.read(self.service.request(Method::GET, self.path)).await?;
        Ok(())
    }
}
