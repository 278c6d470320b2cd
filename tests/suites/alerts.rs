//! Each fault of the running stack calls with exactly the alerts that the runbooks list for it, and they resolve: by the committed
//! rules, in Prometheus and Alertmanager, with shorter windows.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "alerts/expected.rs"]
mod expected;
#[path = "alerts/monitoring.rs"]
mod monitoring;
#[path = "alerts/pager.rs"]
mod pager;
#[path = "alerts/shorter.rs"]
mod shorter;
#[path = "alerts/traffic.rs"]
mod traffic;

use std::time::{Duration, Instant};

use expected::{expected, faults};
use keeper_tests::faults::{Pace, Proxy, letters, publish};
use keeper_tests::harness::{Backing, Database, Postgres, PostgresOptions, RabbitMq, Stack, eventually};
use lapin::options::ConfirmSelectOptions;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use monitoring::Monitoring;
use tokio::task::block_in_place;
use tokio::time::sleep;
use traffic::{Traffic, place, remove};

/// A stack is well that calls nobody for so long: ten minutes.
const WELL: Duration = Duration::from_secs(10);
/// A fault lasts so long at least, which is longer than any alert waits: twenty minutes.
const FAULT: Duration = Duration::from_secs(20);
/// How long what must come may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// Databases of the usual server, and a virtual host of the usual node.
fn usual() -> Backing {
    let database = || Postgres::shared().database();
    block_in_place(|| Backing {
        inventory: database(),
        billing: database(),
        vhost: RabbitMq::shared().vhost(),
    })
}

/// A stack that is well, then has a fault, then is mended: it calls with what the runbooks list for the fault, and for its end.
async fn calls_as_listed(
    stack: &Stack,
    fault: &str,
    after: Option<&str>,
    breaking: impl AsyncFnOnce(),
    mending: impl AsyncFnOnce(),
) {
    let _traffic = Traffic::to(&stack.api());
    let monitoring = Monitoring::of(stack).await;
    let pager = &monitoring.pager;
    monitoring.calls_nobody_for(WELL).await;

    let start = Instant::now();
    breaking().await;
    let mut due = expected(fault);
    pager.calls_with(&due, PATIENCE).await;
    sleep(FAULT.saturating_sub(start.elapsed())).await;
    assert_eq!(pager.called(), due, "{fault}\n{}", pager.told());

    mending().await;
    due.extend(after.map(expected).unwrap_or_default());
    pager.calls_with(&due, PATIENCE).await;
    eventually(&format!("all is well after: {fault}"), PATIENCE, async || {
        (monitoring.alerts().await.is_empty() && pager.firing().is_empty()).then_some(())
    })
    .await;
    assert_eq!(pager.called(), due, "after {fault}\n{}", pager.told());
    println!("{fault}: {:?}\n{}", start.elapsed(), pager.told());
}

#[test]
fn each_fault_that_is_listed_is_tried() {
    let source = include_str!("alerts.rs");
    for fault in faults() {
        assert!(source.contains(&format!("\"{fault}\"")), "no test: {fault}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_broker_is_stopped() {
    let broker = block_in_place(RabbitMq::start);
    let stack = Stack::distributed(Backing { vhost: block_in_place(|| broker.vhost()), ..usual() });
    stack.start().await;
    let stop = async || block_in_place(|| broker.stop_app());
    let start = async || block_in_place(|| broker.start_app());
    calls_as_listed(&stack, "the broker is stopped", None, stop, start).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_is_stopped() {
    let server = block_in_place(|| Postgres::start(PostgresOptions::default()));
    let (inventory, billing) = block_in_place(|| (server.database(), server.database()));
    let stack = Stack::distributed(Backing { inventory, billing, ..usual() });
    stack.start().await;
    let stop = async || {
        block_in_place(|| server.stop());
        // More than a thousand wait.
        place(&stack.api(), 1_200).await;
    };
    let start = async || block_in_place(|| server.start_again());
    let after = Some("the database is back");
    calls_as_listed(&stack, "the database is stopped", after, stop, start).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_is_slow() {
    let backing = usual();
    let proxy = Proxy::to(backing.inventory.port).await;
    let through = |database: Database| Database { port: proxy.port(), ..database };
    let Backing { inventory, billing, vhost } = backing;
    let stack =
        Stack::distributed(Backing { inventory: through(inventory), billing: through(billing), vhost });
    stack.start().await;
    let slow = async || proxy.carry(Pace::Late(Duration::from_millis(150)));
    let usual = async || proxy.carry(Pace::Usual);
    calls_as_listed(&stack, "the database is slow", None, slow, usual).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn billing_is_killed() {
    // A backlog is not worked off between two scrapes: nobody would count what was late.
    let stack = Stack::distributed(usual()).with("billing", "KEEPER_BROKER__PREFETCH", "1");
    stack.start().await;
    let billing = stack.unit("billing");
    let kill = async || {
        billing.kill();
        place(&stack.api(), 800).await;
    };
    let start = async || billing.start();
    calls_as_listed(&stack, "billing is killed", Some("billing is back"), kill, start).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inventory_hangs() {
    // Of twenty minutes, those calls that are tried take little. How long one takes is not shortened: one is tried.
    let stack = Stack::distributed(usual()).with_front("KEEPER_INVENTORY__TIMEOUT_MS", "60000");
    stack.start().await;
    let inventory = stack.unit("inventory");
    let hang = async || {
        inventory.signal("STOP");
        // Calls that wait make the breaker open at once. They are no reads, of which few are too many in so short a time.
        for _ in 0..8 {
            tokio::spawn(remove(stack.api()));
        }
    };
    let go_on = async || inventory.signal("CONT");
    calls_as_listed(&stack, "inventory hangs", None, hang, go_on).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_poison() {
    let stack = Stack::distributed(usual());
    stack.start().await;
    let url = stack.backing().vhost.url();
    let poison = async || {
        let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        for body in ["{", "null", "{}"] {
            publish(&channel, BasicProperties::default(), body.as_bytes()).await;
        }
    };
    // As the runbook says.
    let discard = async || {
        let billing = stack.unit("billing");
        for letter in block_in_place(|| letters(billing)) {
            let command = ["dead-letters", "discard", "--reason", "poison", &letter.id];
            let done = block_in_place(|| billing.command(&command));
            assert!(done.status.success(), "{done:?}");
        }
    };
    calls_as_listed(&stack, "messages are poison", None, poison, discard).await;
}
