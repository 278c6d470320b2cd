use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::shop::Shop;

/// So many orders are looked for at once.
const LOOKS: usize = 16;
/// How long the ledger is asked to wait, in seconds.
const WAIT_S: u64 = 5;
/// The time until the next look, where orders cannot be read.
const PAUSE: Duration = Duration::from_millis(500);

/// Follows accepted orders into the ledger, until it is dropped.
pub(crate) fn start(shop: &Arc<Shop>) -> JoinSet<()> {
    let mut looks = JoinSet::new();
    for _ in 0..LOOKS {
        looks.spawn(follow(Arc::clone(shop)));
    }
    looks
}

async fn follow(shop: Arc<Shop>) {
    loop {
        let order = shop.orders.next().await;
        let found = shop.is_recorded(&order, WAIT_S).await;
        if found.is_none() {
            tokio::time::sleep(PAUSE).await;
        }
        match found {
            Some(true) => shop.orders.recorded(),
            Some(false) | None if order.at.elapsed() < shop.patience() => shop.orders.not_yet(order),
            Some(false) | None => shop.orders.unseen(order),
        }
    }
}
