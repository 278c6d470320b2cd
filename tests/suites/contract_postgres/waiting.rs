//! Who waits for an order is told of what another process records.

use std::time::{Duration, Instant};

use keeper_ports::billing::OrderLedger;
use keeper_tests::harness::{PgBouncer, PoolMode};
use tokio_util::task::AbortOnDropHandle;

use super::*;

const LONG: Duration = Duration::from_secs(30);

/// A replica of billing that listens, and another one.
struct Replicas {
    here: Arc<PgOrders>,
    there: PgOrders,
    _listening: AbortOnDropHandle<()>,
}

impl Replicas {
    async fn on(settings: &PgSettings) -> Self {
        let database = PgDatabase::new(settings, Schema::Billing).unwrap();
        database.migrate().await.unwrap();
        let (here, there) = (Arc::new(PgOrders::new(database)), PgDatabase::new(settings, Schema::Billing));
        let listener = Arc::clone(&here);
        let listening = tokio::spawn(async move {
            listener.listen().await;
        });
        Self { here, there: PgOrders::new(there.unwrap()), _listening: AbortOnDropHandle::new(listening) }
    }

    /// How long it takes until orders are found here that are recorded there, one after the other.
    async fn wait_for_orders(&self, number: u32) -> Duration {
        let start = Instant::now();
        for _ in 0..number {
            let order = order("20");
            let waiting = tokio::spawn({
                let (here, id) = (Arc::clone(&self.here), order.id);
                async move { here.wait_for(id, LONG).await }
            });
            self.there.insert(vec![order.clone()], at(1)).await.unwrap();
            assert_eq!(waiting.await.unwrap().unwrap().unwrap().order, order);
        }
        start.elapsed()
    }
}

/// With a look each second and nothing heard, these would take about fifteen seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_records_is_heard_of() {
    let replicas = Replicas::on(&settings(&Postgres::shared().database())).await;
    let took = replicas.wait_for_orders(30).await;
    assert!(took < Duration::from_secs(8), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_heard_of_again_after_a_restart_of_the_database() {
    let server = Postgres::start(PostgresOptions::default());
    let replicas = Replicas::on(&settings(&server.database())).await;
    replicas.wait_for_orders(1).await;
    server.kill();
    let away = replicas.here.wait_for(order("20").id, LONG).await;
    assert!(unavailable(&away), "{away:?}");
    server.start_again();
    assert!(replicas.wait_for_orders(5).await < LONG);
}

/// A pooler hands what is heard to somebody else: the ledger is looked at instead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_pooler_it_is_found() {
    let pooler = PgBouncer::start(&Postgres::shared().database(), PoolMode::Transaction, true);
    let replicas = Replicas::on(&settings(&pooler.database())).await;
    assert!(replicas.wait_for_orders(5).await < LONG);
}

/// A row that somebody wrote past the program, and that no reader can make sense of.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_cannot_be_read_does_not_keep_others_waiting() {
    let place = Postgres::shared().database();
    let replicas = Replicas::on(&settings(&place)).await;
    let broken = order("20").id;
    // On a connection that is open already it is asked for before the row is there.
    assert_eq!(replicas.here.find(broken).await.unwrap(), None);
    let waiting = tokio::spawn({
        let here = Arc::clone(&replicas.here);
        async move { here.wait_for(broken, Duration::from_secs(10)).await }
    });
    let row = format!(
        "ALTER TABLE orders DROP CONSTRAINT orders_times_can_be_written;
         INSERT INTO orders (order_id, user_id, number_of_items, total_minor, created_at, recorded_at)
         VALUES ('{}', '20', 1, 150, now(), 'infinity')",
        broken.as_uuid()
    );
    Postgres::shared().psql(&place.name, &row);
    let took = replicas.wait_for_orders(3).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(!waiting.is_finished(), "it is waited for, too");
    let answer = waiting.await.unwrap();
    assert!(matches!(answer, Err(PortError::Failed { .. })), "{answer:?}");
}
