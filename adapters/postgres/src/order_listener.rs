//! Hears of the orders that any process records, so that who waits for one here is told.

use std::convert::Infallible;
use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::time::{sleep, timeout};

use crate::PgOrders;

/// What the database's trigger notifies (migration 4).
const CHANNEL: &str = "orders_recorded";

/// How often the ledger is asked for the orders that are waited for, beside every notification: one may be lost with its
/// connection.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often it is asked while nothing can be heard: behind a pooler that shares sessions, or without a connection.
const LOOK_DEAF_EVERY: Duration = Duration::from_millis(100);

/// How long nothing is heard before a new connection is made: the old one may be dead without a word.
const LONGEST_SILENCE: Duration = Duration::from_mins(5);

/// How long it is before listening is tried again.
const PAUSE: Duration = Duration::from_secs(5);

impl PgOrders {
    /// Tells those who wait here of the orders that this and other processes record; run it beside. It has a connection of
    /// its own, outside the pool. However many wait, one statement asks for all of their orders.
    pub async fn listen(&self) -> Infallible {
        loop {
            match self.database().listener(CHANNEL).await {
                Ok(Some(mut listener)) => self.tell_of_what_is_heard(&mut listener).await,
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, "cannot listen for recorded orders"),
            }
            // Without an end, but for the time.
            let _ = timeout(PAUSE, self.look_again_and_again(LOOK_DEAF_EVERY)).await;
        }
    }

    /// Until the connection is of no more use.
    async fn tell_of_what_is_heard(&self, listener: &mut PgListener) {
        let hear = async {
            self.look().await;
            while let Ok(Ok(Some(_))) = timeout(LONGEST_SILENCE, listener.try_recv()).await {
                // One look is enough for all that has been heard.
                while listener.next_buffered().is_some() {}
                self.look().await;
            }
        };
        tokio::select! {
            () = hear => {}
            _ = self.look_again_and_again(LOOK_EVERY) => {}
        }
    }

    async fn look_again_and_again(&self, every: Duration) -> Infallible {
        loop {
            sleep(every).await;
            self.look().await;
        }
    }

    /// Asks for the orders that are waited for, and tells of those that are there.
    async fn look(&self) {
        let ids = self.waits().ids();
        if ids.is_empty() {
            return;
        }
        match self.readable(ids).await {
            Ok(recorded) => self.waits().tell(recorded),
            // Those who wait ask for themselves in the end, and are answered with the failure.
            Err(error) => {
                tracing::debug!(error = error.chain(), "cannot look for orders that are waited for");
            }
        }
    }
}
