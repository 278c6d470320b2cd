//! SQLite under the contract suites, and what is particular to it: two files, a lock, other processes.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use keeper_billing::Book;
use keeper_inventory::Inventory;
use keeper_sqlite::{Directory, SqliteConsumer, SqliteDeadLetters, SqliteMovies, SqliteOrders, SqliteQueue};
use keeper_tests::contract::{self, SystemClock};
use keeper_wire::metrics::ProcessingMetrics;
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
    let book = Arc::new(Book::new(Arc::clone(&ledger), Arc::new(SystemClock)));
    (contract::order_book::Subject { book, ledger }, folder)
}

async fn queue() -> (contract::order_queue::Subject, TempDir) {
    let (directory, folder) = directory();
    let queue = SqliteQueue::new(directory.billing().await.unwrap());
    let dead_letters = Arc::new(SqliteDeadLetters::new(queue.clone()));
    let metrics = ProcessingMetrics::register(&prometheus::Registry::new()).unwrap();
    let consumer = Arc::new(SqliteConsumer::new(queue.clone(), Arc::new(SystemClock), metrics));
    let consume = Box::new(move |handler, stop| {
        let consumer = Arc::clone(&consumer);
        Box::pin(async move { consumer.run(handler, stop).await }) as _
    });
    (contract::order_queue::Subject { queue: Arc::new(queue), dead_letters, consume }, folder)
}

keeper_tests::movie_repository_contract!(super::movies);
keeper_tests::movie_catalog_contract!(super::catalog);
keeper_tests::order_ledger_contract!(super::ledger);
keeper_tests::order_book_contract!(super::book);
keeper_tests::order_queue_contract!(super::queue);
