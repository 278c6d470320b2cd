use std::time::Duration;

use futures_util::StreamExt;
use keeper_tests::harness::{Answer, Api};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::interval;

/// Clients who do not wait for each other: each second one reads the catalogue, one reads its orders, and ten order. So few read
/// that it takes more than a busy machine to make ten reads of a window slow, and more than the seconds for which a unit waits
/// for what has gone, which are not shortened.
#[derive(Debug)]
pub(super) struct Traffic {
    _clients: JoinSet<()>,
}

impl Traffic {
    /// Begins; it ends when this is dropped.
    pub(super) fn to(api: &Api) -> Self {
        let mut clients = JoinSet::new();
        clients.spawn(every(Duration::from_secs(1), api.clone(), read_movies));
        clients.spawn(every(Duration::from_secs(1), api.clone(), read_orders));
        clients.spawn(every(Duration::from_millis(100), api.clone(), order));
        Self { _clients: clients }
    }
}

/// Makes a request so often, whatever became of the one before.
async fn every<F: Future<Output = ()> + Send + 'static>(
    span: Duration,
    api: Api,
    request: impl Fn(Api) -> F,
) {
    let (mut turn, mut running) = (interval(span), JoinSet::new());
    loop {
        turn.tick().await;
        running.spawn(request(api.clone()));
        while running.try_join_next().is_some() {}
    }
}

async fn read_movies(api: Api) {
    sent(api.request(reqwest::Method::GET, "/api/movies?limit=1")).await;
}

async fn read_orders(api: Api) {
    sent(api.request(reqwest::Method::GET, "/api/billing/orders?user_id=somebody&limit=1")).await;
}

/// Removes a movie that is not there.
pub(super) async fn remove(api: Api) {
    sent(api.request(reqwest::Method::DELETE, "/api/movies/999999")).await;
}

/// Orders as fast as eight clients do.
pub(super) async fn place(api: &Api, orders: usize) {
    let orders = futures_util::stream::iter((0..orders).map(|_| order(api.clone())));
    orders.buffer_unordered(8).collect::<()>().await;
}

async fn order(api: Api) {
    let order = json!({"user_id": "somebody", "number_of_items": 1, "total_amount": 1});
    sent(api.request(reqwest::Method::POST, "/api/billing").json(&order)).await;
}

/// Whatever the answer is: the stack counts them.
async fn sent(request: reqwest::RequestBuilder) {
    let _ = Answer::try_of(request).await;
}
