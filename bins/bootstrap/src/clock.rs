use std::time::Duration;

use async_trait::async_trait;
use chrono::Utc;
use keeper_domain::{OrderId, Timestamp};
use keeper_ports::Clock;
use keeper_ports::billing::OrderIds;
use uuid::Uuid;

/// The system's time.
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the port `Clock`")]
    fn now(&self) -> Timestamp {
        Utc::now().into()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Order ids of UUID version 7: in the order of their time, so that an index grows at its end.
pub struct UuidOrderIds;

impl OrderIds for UuidOrderIds {
    #[expect(clippy::disallowed_methods, reason = "this is the port `OrderIds`")]
    fn next(&self) -> OrderId {
        OrderId::new(Uuid::now_v7())
    }
}
