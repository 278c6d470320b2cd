//! PostgreSQL under the contract suites, and what is particular to it.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use keeper_billing::Book;
use keeper_inventory::Inventory;
use keeper_postgres::{Database, PgMovies, PgOrders, Schema, Settings, Tls};
use keeper_tests::contract::{self, SystemClock};
use keeper_tests::harness::{self, Postgres};

fn settings(database: &harness::Database) -> Settings {
    Settings {
        host: database.host.clone(),
        port: database.port,
        name: database.name.clone(),
        user: database.user.clone(),
        password: database.password.clone().into(),
        password_file: String::new(),
        tls: Tls::Disable,
        tls_ca: String::new(),
        max_connections: 8.try_into().unwrap(),
        migrate: true,
        connect_timeout_ms: 5_000,
        acquire_timeout_ms: 5_000,
        statement_timeout_ms: 10_000,
    }
}

async fn migrated(schema: Schema) -> Database {
    let database = Database::new(&settings(&Postgres::shared().database()), schema).unwrap();
    database.migrate().await.unwrap();
    database
}

async fn movies() -> (contract::movie_repository::Subject, ()) {
    (Arc::new(PgMovies::new(migrated(Schema::Inventory).await)), ())
}

async fn catalog() -> (contract::movie_catalog::Subject, ()) {
    (Arc::new(Inventory::new(movies().await.0, Arc::new(SystemClock))), ())
}

async fn ledger() -> (contract::order_ledger::Subject, ()) {
    (Arc::new(PgOrders::new(migrated(Schema::Billing).await)), ())
}

async fn book() -> (contract::order_book::Subject, ()) {
    let ledger = ledger().await.0;
    let book = Arc::new(Book::new(Arc::clone(&ledger), Arc::new(SystemClock)));
    (contract::order_book::Subject { book, ledger }, ())
}

keeper_tests::movie_repository_contract!(super::movies);
keeper_tests::movie_catalog_contract!(super::catalog);
keeper_tests::order_ledger_contract!(super::ledger);
keeper_tests::order_book_contract!(super::book);
