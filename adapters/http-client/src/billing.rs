use std::time::Duration;

use async_trait::async_trait;
use keeper_domain::{OrderId, Page, RecordedOrder, Slice, UserId};
use keeper_ports::billing::OrderBook;
use keeper_ports::{PortError, PortResult};
use keeper_wire::OrderBody;
use reqwest::Method;

use crate::Service;
use crate::service::found;

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

    fn order_of(&self, body: OrderBody) -> PortResult<RecordedOrder> {
        RecordedOrder::try_from(body).map_err(|invalid| PortError::failed(self.service.dependency(), invalid))
    }
}

#[async_trait]
impl OrderBook for BillingClient {
    async fn find(&self, id: OrderId, wait: Duration) -> PortResult<Option<RecordedOrder>> {
        let mut request = self.service.request(Method::GET, &format!("{ORDERS}/{id}"));
        if !wait.is_zero() {
            request = request.query(&[("wait", whole_seconds(wait))]).timeout(self.service.timeout() + wait);
        }
        match found(self.service.read(request).await)? {
            Some(answer) => self.order_of(self.service.body(&answer)?).map(Some),
            None => Ok(None),
        }
    }

    async fn list(&self, user: UserId, page: Page<OrderId>) -> PortResult<Slice<RecordedOrder>> {
        let request = self.service.request(Method::GET, ORDERS);
        let mut request =
            request.query(&[("user_id", user.as_written())]).query(&[("limit", page.limit.get())]);
        if let Some(after) = page.after {
            request = request.query(&[("after", after.to_string())]);
        }
        let answer = self.service.read(request).await?;
        let bodies: Vec<OrderBody> = self.service.body(&answer)?;
        let items = bodies.into_iter().map(|body| self.order_of(body)).collect::<PortResult<_>>()?;
        Ok(Slice { items, more: answer.has_next_page() })
    }
}

/// A wait is never shorter than asked for.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
