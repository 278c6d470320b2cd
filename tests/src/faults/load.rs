use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use keeper_domain::{IdempotencyKey, OrderId, UserId};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::PATIENCE;
use crate::harness::{eventually, random_text};

/// What a client was told of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// 200: it will be processed.
    Accepted,
    /// An error of ours, with this status: it was not accepted, though it may be processed all the same.
    Refused(u16),
    /// No connection: it was not even sent.
    NotSent,
    /// No answer, or not all of it.
    Unanswered,
}

/// An order that was sent. Its id is known before the answer is: it follows from the key.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Its id.
    pub id: OrderId,
    /// Who ordered.
    pub user: String,
    /// For how much, in cents: different for each order of a user.
    pub cents: u64,
    /// What the client was told.
    pub outcome: Outcome,
    /// How long that took.
    pub took: Duration,
}

/// Clients that send orders, one after another, until they are stopped. Each repeats its first until it is accepted:
/// what is refused while a system comes up (the broker refuses what meets the very making of the queue) is no fault.
#[derive(Debug)]
pub struct Load {
    stop: CancellationToken,
    accepted: Arc<AtomicU64>,
    clients: JoinSet<Vec<Sent>>,
}

/// A client's pause between two orders: the faults are to hit under load, not under exhaustion.
const PAUSE: Duration = Duration::from_millis(4);

impl Load {
    /// Starts so many clients against an address.
    pub fn start(url: &str, clients: usize) -> Self {
        let (stop, accepted) = (CancellationToken::new(), Arc::new(AtomicU64::new(0)));
        let mut load = Self { stop, accepted, clients: JoinSet::new() };
        for _ in 0..clients {
            let (url, stop, accepted) = (url.to_owned(), load.stop.clone(), Arc::clone(&load.accepted));
            load.clients.spawn(client(url, stop, accepted));
        }
        load
    }

    /// How many orders were accepted so far.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Waits until so many more orders were accepted: the system takes orders (again). Says how long it took.
    pub async fn more(&self, orders: u64) -> Duration {
        let (start, goal) = (Instant::now(), self.accepted() + orders);
        eventually(&format!("{orders} more orders are accepted"), PATIENCE, async || {
            (self.accepted() >= goal).then_some(())
        })
        .await;
        start.elapsed()
    }

    /// Stops the clients; each finishes its last request.
    pub async fn stop(self) -> Vec<Sent> {
        self.stop.cancel();
        self.clients.join_all().await.into_iter().flatten().collect()
    }
}

async fn client(url: String, stop: CancellationToken, accepted: Arc<AtomicU64>) -> Vec<Sent> {
    let http = new_client();
    let user = format!("client-{}", random_text(8));
    let mut sent = Vec::new();
    for cents in 1.. {
        let key = format!("order-{cents}");
        let mut order = place(&http, &url, &user, cents, &key).await;
        while sent.is_empty() && order.outcome != Outcome::Accepted && !stop.is_cancelled() {
            tokio::time::sleep(PAUSE * 10).await;
            order = place(&http, &url, &user, cents, &key).await;
        }
        if order.outcome == Outcome::Accepted {
            accepted.fetch_add(1, Ordering::Relaxed);
        }
        // Who was not served comes back later.
        let pause = if order.outcome == Outcome::Accepted { PAUSE } else { PAUSE * 10 };
        sent.push(order);
        if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            break;
        }
    }
    sent
}

/// A client that keeps its connections.
pub fn new_client() -> Client {
    Client::builder().timeout(Duration::from_secs(30)).no_proxy().build().expect("the client is built")
}

/// Places one order and says what became of it.
pub async fn place(http: &Client, url: &str, user: &str, cents: u64, key: &str) -> Sent {
    let start = Instant::now();
    let total = format!("{}.{:02}", cents / 100, cents % 100);
    let body = json!({"user_id": user, "number_of_items": 1, "total_amount": total});
    let request = http.post(format!("{url}/api/billing")).header("Idempotency-Key", key).json(&body);
    let id = OrderId::derive(
        &UserId::new(user).expect("the user is valid"),
        &IdempotencyKey::new("key", key).expect("the key is valid"),
    );
    let outcome = match request.send().await {
        Err(error) if error.is_connect() => Outcome::NotSent,
        Err(_) => Outcome::Unanswered,
        Ok(answer) => match (answer.status().as_u16(), answer.json::<Value>().await) {
            (_, Err(_)) => Outcome::Unanswered,
            (200, Ok(body)) => {
                assert_eq!(body["order_id"], id.to_string(), "{body}");
                Outcome::Accepted
            }
            (status, Ok(body)) => {
                let code = match status {
                    503 => "unavailable",
                    422 => "key_reused",
                    _ => "timeout",
                };
                assert_eq!(body["code"], code, "{body}");
                Outcome::Refused(status)
            }
        },
    };
    Sent { id, user: user.to_owned(), cents, outcome, took: start.elapsed() }
}
