//! SQLite under the contract suites, and what is particular to it: two files, a lock, other processes.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "contract_sqlite/rows.rs"]
mod rows;
#[path = "contract_sqlite/tables.rs"]
mod tables;

use std::sync::Arc;

use keeper_billing::Book;
use keeper_domain::{DeadLetterSelection, Recording};
use keeper_inventory::Inventory;
use keeper_ports::billing::{DeadLetters, OrderLedger, OrderQueue};
use keeper_ports::inventory::MovieRepository;
use keeper_sqlite::{
    Directory, SqliteConsumer, SqliteDatabase, SqliteDeadLetters, SqliteMovies, SqliteOrders, SqliteQueue,
};
use keeper_telemetry::metrics::ProcessingMetrics;
use keeper_tests::contract::order_queue::{RecordingHandler, until, until_handled};
use keeper_tests::contract::samples::{at, movie, order};
use keeper_tests::contract::{self, SystemClock};
use tempfile::TempDir;

fn directory() -> (Directory, TempDir) {
    let folder = TempDir::new().unwrap();
    (Directory::new(folder.path().join("data")).unwrap(), folder)
}

async fn movies() -> (contract::movie_repository::Subject, TempDir) {
    let (directory, folder) = directory();
    (Arc::new(SqliteMovies::new(directory.inventory().await.unwrap())), folder)
}

async fn catalog() -> (contract::movie_catalog::Subject, TempDir) {
    let (movies, folder) = movies().await;
    (Arc::new(Inventory::new(movies, Arc::new(SystemClock))), folder)
}

async fn ledger() -> (contract::order_ledger::Subject, TempDir) {
    let (directory, folder) = directory();
    (Arc::new(SqliteOrders::new(directory.billing().await.unwrap())), folder)
}

async fn book() -> (contract::order_book::Subject, TempDir) {
    let (ledger, folder) = ledger().await;
    let book = Arc::new(Book::new(Arc::clone(&ledger)));
    (contract::order_book::Subject { book, ledger }, folder)
}

async fn queue() -> (contract::order_queue::Subject, TempDir) {
    let (directory, folder) = directory();
    (subject(directory.billing().await.unwrap()), folder)
}

fn subject(billing: SqliteDatabase) -> contract::order_queue::Subject {
    let queue = SqliteQueue::new(billing);
    let dead_letters = Arc::new(SqliteDeadLetters::new(queue.clone()));
    let metrics = ProcessingMetrics::register(&prometheus::Registry::new()).unwrap();
    let consumer = Arc::new(SqliteConsumer::new(queue.clone(), Arc::new(SystemClock), metrics));
    let consume = Box::new(move |handler, stop| {
        let consumer = Arc::clone(&consumer);
        Box::pin(async move { consumer.run(handler, stop).await }) as _
    });
    contract::order_queue::Subject { queue: Arc::new(queue), dead_letters, consume }
}

keeper_tests::movie_repository_contract!(super::movies);
keeper_tests::movie_catalog_contract!(super::catalog);
keeper_tests::order_ledger_contract!(super::ledger);
keeper_tests::order_book_contract!(super::book);
keeper_tests::order_queue_contract!(super::queue);

#[tokio::test]
async fn a_second_process_may_not_serve_from_the_same_directory() {
    let (directory, _folder) = directory();
    let lock = directory.lock().unwrap();
    let refused = directory.lock().unwrap_err().to_string();
    assert!(refused.contains("in use by another process"), "{refused}");
    drop(lock);
    directory.lock().unwrap();
}

#[tokio::test]
async fn a_directory_that_cannot_be_used_is_named() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "not a database, and long enough to be looked at").unwrap();
    let error = Directory::new(&file).unwrap_err().to_string();
    assert!(error.contains("storage.directory") && error.contains(file.to_str().unwrap()), "{error}");
    std::fs::rename(&file, folder.path().join("billing.db")).unwrap();
    let error = Directory::new(folder.path()).unwrap().billing().await.unwrap_err().to_string();
    assert!(error.contains("billing.db"), "{error}");
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let (directory, _folder) = directory();
    let order = order("20");
    let stored = {
        let movies = SqliteMovies::new(directory.inventory().await.unwrap());
        let billing = directory.billing().await.unwrap();
        SqliteOrders::new(billing.clone()).insert(vec![order.clone()], at(1)).await.unwrap();
        SqliteQueue::new(billing).enqueue(order.clone()).await.unwrap();
        movies.insert(movie("Solaris"), at(1)).await.unwrap()
    };
    let movies = SqliteMovies::new(directory.inventory().await.unwrap());
    assert_eq!(movies.find(stored.id).await.unwrap(), Some(stored.clone()));
    assert!(movies.delete(stored.id).await.unwrap());
    assert!(movies.insert(movie("Stalker"), at(1)).await.unwrap().id > stored.id);
    let billing = directory.billing().await.unwrap();
    assert_eq!(SqliteOrders::new(billing.clone()).find(order.id).await.unwrap().unwrap().order, order);
    let (subject, desk) = (subject(billing), RecordingHandler::recording());
    let running = subject.start(&desk);
    until_handled(&desk, std::slice::from_ref(&order)).await;
    running.stop().await;
}

#[tokio::test]
async fn another_process_replays_dead_letters_while_this_one_serves() {
    let (directory, _folder) = directory();
    let serving = subject(directory.billing().await.unwrap());
    let desk = RecordingHandler::new(|_| Ok(Recording::Conflict));
    let running = serving.start(&desk);
    serving.queue.enqueue(order("20")).await.unwrap();
    let dead = serving.dead(1).await;
    desk.decide(|_| Ok(Recording::Recorded));
    // It has a bell of its own, which this process does not hear.
    let other = SqliteDeadLetters::new(SqliteQueue::new(directory.billing().await.unwrap()));
    assert_eq!(other.list(10).await.unwrap().letters, dead);
    assert_eq!(other.replay(DeadLetterSelection::All).await.unwrap().count, 1);
    until("it is handled", async || (desk.orders().len() == 2).then_some(())).await;
    running.stop().await;
}
