use std::time::Duration;

use async_trait::async_trait;
use keeper_domain::{OrderId, Page, RecordedOrder, Slice, UserId};
use keeper_ports::billing::OrderBook;
use keeper_ports::{PortError, PortResult};
use keeper_wire::OrderBody;
use reqwest::Method;

use crate::Service;
use crate::service::{found, has_next_page};

const ORDERS: &str = "/api/billing/orders";

/// The order book of a billing service.
pub struct BillingClient {
    service: Service,
}

impl BillingClient {
    /// Speaks to a service.
    pub fn new(service: Service) -> Self {
        Self { service }
    }

    fn checked(&self, body: OrderBody) -> PortResult<RecordedOrder> {
        RecordedOrder::try_from(body).map_err(|invalid| PortError::failed(self.service.what(), invalid))
    }
}

#[async_trait]
impl OrderBook for BillingClient {
    async fn find(&self, id: OrderId, wait: Duration) -> PortResult<Option<RecordedOrder>> {
        let mut request = self.service.request(Method::GET, &format!("{ORDERS}/{id}"));
        if !wait.is_zero() {
            request = request.query(&[("wait", wait.as_secs())]).timeout(self.service.timeout() + wait);
        }
        match found(self.service.read(request).await)? {
            Some(response) => self.checked(self.service.body(response).await?).map(Some),
            None => Ok(None),
        }
    }

    async fn list(&self, user: UserId, page: Page<OrderId>) -> PortResult<Slice<RecordedOrder>> {
        let request = self.service.request(Method::GET, ORDERS);
        let mut request = request.query(&[("user_id", user.as_str())]).query(&[("limit", page.limit.get())]);
        if let Some(after) = page.after {
            request = request.query(&[("after", after.to_string())]);
        }
        let response = self.service.read(request).await?;
        let more = has_next_page(&response);
        let bodies: Vec<OrderBody> = self.service.body(response).await?;
        let items = bodies.into_iter().map(|body| self.checked(body)).collect::<PortResult<_>>()?;
        Ok(Slice { items, more })
    }
}
