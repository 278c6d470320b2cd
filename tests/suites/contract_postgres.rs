//! PostgreSQL under the contract suites, and what is particular to it.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "contract_postgres/importing.rs"]
mod importing;
#[path = "contract_postgres/pooler.rs"]
mod pooler;
#[path = "contract_postgres/rights.rs"]
mod rights;
#[path = "contract_postgres/rotation.rs"]
mod rotation;
#[path = "contract_postgres/rows.rs"]
mod rows;
#[path = "contract_postgres/schema.rs"]
mod schema;
#[path = "contract_postgres/searches.rs"]
mod searches;
#[path = "contract_postgres/server.rs"]
mod server;
#[path = "contract_postgres/waiting.rs"]
mod waiting;

use std::sync::Arc;

use futures_util::future::join_all;
use keeper_batching::BatchedMovies;
use keeper_billing::Book;
use keeper_domain::{MovieChange, MovieQuery, Title};
use keeper_inventory::Inventory;
use keeper_ports::billing::OrderLedger;
use keeper_ports::inventory::MovieRepository;
use keeper_ports::{PortError, PortResult, Probe};
use keeper_postgres::{DatabaseProbe, PgDatabase, PgMovies, PgOrders, PgSettings, Pooler, Schema, Tls};
use keeper_tests::contract::samples::{at, movie, movie_id, order, page};
use keeper_tests::contract::{self, SystemClock};
use keeper_tests::harness::{self, Postgres, PostgresOptions};

fn settings(database: &harness::Database) -> PgSettings {
    PgSettings {
        host: database.host.clone(),
        port: database.port,
        name: database.name.clone(),
        user: database.user.clone(),
        password: database.password.clone().into(),
        password_file: String::new(),
        tls: Tls::Disable,
        tls_ca: String::new(),
        pooler: Pooler::Detect,
        max_connections: 8.try_into().unwrap(),
        migrate: true,
        connect_timeout_ms: 5_000,
        acquire_timeout_ms: 5_000,
        statement_timeout_ms: 10_000,
    }
}

async fn migrated(schema: Schema) -> PgDatabase {
    let database = PgDatabase::new(&settings(&Postgres::shared().database()), schema).unwrap();
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
    let book = Arc::new(Book::new(Arc::clone(&ledger)));
    (contract::order_book::Subject { book, ledger }, ())
}

/// The store as inventory has it: reads by id that come together share a statement.
mod batched {
    use super::{Arc, BatchedMovies, contract};

    async fn movies() -> (contract::movie_repository::Subject, ()) {
        (Arc::new(BatchedMovies::new("inventory database", super::movies().await.0)), ())
    }

    keeper_tests::movie_repository_contract!(super::movies);
}

keeper_tests::movie_repository_contract!(super::movies);
keeper_tests::movie_catalog_contract!(super::catalog);
keeper_tests::order_ledger_contract!(super::ledger);
keeper_tests::order_book_contract!(super::book);

fn unavailable<T: std::fmt::Debug>(result: &PortResult<T>) -> bool {
    matches!(result, Err(PortError::Unavailable { .. }))
}

#[tokio::test]
async fn a_restart_of_the_database_is_not_noticed_by_the_next_call() {
    let server = Postgres::start(PostgresOptions::default());
    let database = PgDatabase::new(&settings(&server.database()), Schema::Inventory).unwrap();
    database.migrate().await.unwrap();
    let (movies, probe) = (PgMovies::new(database.clone()), DatabaseProbe::new(database));
    let id = movies.insert(movie("Solaris"), at(1)).await.unwrap().id;
    for crash in [false, true] {
        // Several connections, all of which will be broken.
        let finds = futures_util::future::join_all((0..8).map(|_| movies.find(id))).await;
        assert!(finds.iter().all(Result::is_ok));
        if crash {
            server.kill();
        } else {
            server.stop();
        }
        assert!(unavailable(&movies.find(id).await));
        assert!(unavailable(&movies.insert(movie("lost"), at(1)).await));
        assert!(unavailable(&probe.check().await));
        server.start_again();
        let finds = futures_util::future::join_all((0..8).map(|_| movies.find(id))).await;
        assert!(finds.iter().all(Result::is_ok), "{finds:?}");
        // Now without a call while it was away: the connections are broken, and nobody has seen it.
        if crash {
            server.kill();
        } else {
            server.stop();
        }
        server.start_again();
        assert!(movies.find(id).await.unwrap().is_some());
        probe.check().await.unwrap();
        movies.insert(movie("found"), at(1)).await.unwrap();
    }
    assert_eq!(movies.delete_all().await.unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_takes_too_long_times_out_and_its_connection_lives() {
    let place = Postgres::shared().database();
    let hasty = PgSettings {
        statement_timeout_ms: 300,
        acquire_timeout_ms: 100,
        max_connections: 1.try_into().unwrap(),
        ..settings(&place)
    };
    let database = PgDatabase::new(&hasty, Schema::Inventory).unwrap();
    database.migrate().await.unwrap();
    let movies = PgMovies::new(database);
    let id = movies.insert(movie("Solaris"), at(1)).await.unwrap().id;
    let name = place.name.clone();
    let locking = std::thread::spawn(move || {
        Postgres::shared().psql(&name, "BEGIN; LOCK TABLE movies; SELECT pg_sleep(2); COMMIT");
    });
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    let (slow, waiting) = tokio::join!(movies.search(MovieQuery::default(), page(None, 1)), movies.find(id));
    assert!(matches!(slow, Err(PortError::TimedOut { .. })), "{slow:?}");
    assert!(unavailable(&waiting), "there is one connection, and it was in use: {waiting:?}");
    locking.join().unwrap();
    assert!(movies.find(id).await.unwrap().is_some());
}

#[tokio::test]
async fn a_database_that_takes_no_writes_is_unavailable_for_them() {
    let place = Postgres::shared().database();
    let database = PgDatabase::new(&settings(&place), Schema::Billing).unwrap();
    database.migrate().await.unwrap();
    let read_only = format!("ALTER DATABASE {} SET default_transaction_read_only = on", place.name);
    Postgres::shared().psql("postgres", &read_only);
    let ledger = PgOrders::new(database);
    let order = order("20");
    // An order that failed would go to the dead letters: a standby is not its fault.
    assert!(unavailable(&ledger.insert(vec![order.clone()], at(1)).await));
    assert_eq!(ledger.find(order.id).await.unwrap(), None);
}

#[tokio::test]
async fn an_order_that_breaks_a_rule_of_the_table_fails_and_takes_its_batch_with_it() {
    let place = Postgres::shared().database();
    let database = PgDatabase::new(&settings(&place), Schema::Billing).unwrap();
    database.migrate().await.unwrap();
    Postgres::shared().psql(&place.name, "ALTER TABLE orders ADD CHECK (user_id <> 'refused')");
    let ledger = PgOrders::new(database);
    let good = order("20");
    let failed = ledger.insert(vec![good.clone(), order("refused")], at(1)).await;
    assert!(matches!(failed, Err(PortError::Failed { .. })), "{failed:?}");
    assert_eq!(ledger.find(good.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_movie_that_breaks_a_rule_of_the_table_fails_alone() {
    let place = Postgres::shared().database();
    let database = PgDatabase::new(&settings(&place), Schema::Inventory).unwrap();
    database.migrate().await.unwrap();
    Postgres::shared().psql(&place.name, "ALTER TABLE movies ADD CHECK (title <> 'refused')");
    let movies = PgMovies::new(database);
    let titles = ["a", "b", "c", "refused", "d", "e"];
    let inserted = join_all(titles.map(|title| movies.insert(movie(title), at(1)))).await;
    for (title, inserted) in titles.into_iter().zip(inserted) {
        match inserted {
            Ok(inserted) => {
                assert_eq!(movies.find(inserted.id).await.unwrap().unwrap().title.as_str(), title);
            }
            Err(error) => {
                assert!(
                    matches!(error, PortError::Failed { .. }) && title == "refused",
                    "{title}: {error:?}"
                );
            }
        }
    }
    assert_eq!(movies.delete_all().await.unwrap(), 5);
}

#[tokio::test]
async fn a_change_that_breaks_a_rule_of_the_table_fails_alone() {
    let place = Postgres::shared().database();
    let database = PgDatabase::new(&settings(&place), Schema::Inventory).unwrap();
    database.migrate().await.unwrap();
    Postgres::shared().psql(&place.name, "ALTER TABLE movies ADD CHECK (title <> 'refused')");
    let movies = PgMovies::new(database);
    let ids =
        join_all((0..6).map(|_| async { movies.insert(movie("before"), at(1)).await.unwrap().id })).await;
    let titles = ["a", "b", "refused", "c", "d", "e"];
    let changes = ids.iter().zip(titles).map(|(id, title)| {
        movies.update(*id, MovieChange::new(Some(Title::new(title).unwrap()), None).unwrap(), at(2))
    });
    for ((id, title), changed) in ids.iter().zip(titles).zip(join_all(changes).await) {
        let found = movies.find(*id).await.unwrap().unwrap();
        if title == "refused" {
            assert!(matches!(changed, Err(PortError::Failed { .. })), "{changed:?}");
            assert_eq!(found.title.as_str(), "before");
        } else {
            assert_eq!(changed.unwrap(), Some(found.clone()));
            assert_eq!(found.title.as_str(), title);
        }
    }
}

/// Two replicas change the same movies at the same time: their statements must not wait for each other for ever.
#[tokio::test]
async fn replicas_that_change_the_same_movies_do_not_deadlock() {
    let place = Postgres::shared().database();
    let replica = || PgMovies::new(PgDatabase::new(&settings(&place), Schema::Inventory).unwrap());
    let replicas = [replica(), replica()];
    PgDatabase::new(&settings(&place), Schema::Inventory).unwrap().migrate().await.unwrap();
    // Enough of them that each row is looked up in the index, in the order of the changes.
    let many = "INSERT INTO movies (title, title_folded, description, created_at, updated_at) \
        SELECT 'm', 'm', 'm', now(), now() FROM generate_series(1, 20000)";
    Postgres::shared().psql(&place.name, many);
    Postgres::shared().psql(&place.name, "VACUUM ANALYZE movies");
    let ids: Vec<_> = (1..=40).map(|number| movie_id(number * 500)).collect();
    for round in 0..20 {
        let title = MovieChange::new(Some(Title::new(&round.to_string()).unwrap()), None).unwrap();
        let there = ids.iter().map(|id| replicas[0].update(*id, title.clone(), at(2)));
        let back = ids.iter().rev().map(|id| replicas[1].update(*id, title.clone(), at(2)));
        let (there, back) = tokio::join!(join_all(there), join_all(back));
        let failed = there.iter().chain(&back).find(|changed| !matches!(changed, Ok(Some(_))));
        assert!(failed.is_none(), "{failed:?}");
    }
    assert!(
        !Postgres::shared().log().contains("deadlock detected"),
        "one is made again, but it costs a second"
    );
}

#[tokio::test]
async fn a_wrong_password_is_put_right_without_a_restart() {
    let (server, place) = (Postgres::shared(), Postgres::shared().database());
    let role = format!("{}_owner", place.name);
    server.psql("postgres", &format!("CREATE ROLE {role} LOGIN PASSWORD 'right'"));
    server.psql("postgres", &format!("ALTER DATABASE {} OWNER TO {role}", place.name));
    let wrong = PgSettings { user: role.clone(), password: "wrong".into(), ..settings(&place) };
    let database = PgDatabase::new(&wrong, Schema::Inventory).unwrap();
    let probe = DatabaseProbe::new(database.clone());
    assert!(unavailable(&database.migrate().await));
    assert!(unavailable(&probe.check().await));
    server.psql("postgres", &format!("ALTER ROLE {role} PASSWORD 'wrong'"));
    database.migrate().await.unwrap();
    probe.check().await.unwrap();
}

#[tokio::test]
async fn a_password_may_come_from_a_file() {
    let place = Postgres::shared().database();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password").display().to_string();
    let from_file =
        PgSettings { password: "not used".into(), password_file: file.clone(), ..settings(&place) };
    let missing = PgDatabase::new(&from_file, Schema::Inventory).unwrap_err().to_string();
    assert!(missing.contains("database.password_file") && missing.contains(&file), "{missing}");
    std::fs::write(&file, format!("{}\n", place.password)).unwrap();
    PgDatabase::new(&from_file, Schema::Inventory).unwrap().migrate().await.unwrap();
}

#[tokio::test]
async fn connections_are_encrypted_and_servers_are_checked_as_the_settings_say() {
    let server = Postgres::start(PostgresOptions { tls: true, ..PostgresOptions::default() });
    let ca = server.ca().unwrap().display().to_string();
    let place = server.database();
    for (tls, host, authority, works) in [
        (Tls::Require, "127.0.0.1", "", true),
        (Tls::VerifyFull, "localhost", ca.as_str(), true),
        (Tls::VerifyFull, "localhost", "", false),
        // The same server under a name that its certificate does not have.
        (Tls::VerifyFull, "127.0.0.1", ca.as_str(), false),
        (Tls::Disable, "127.0.0.1", "", false),
    ] {
        let settings = PgSettings { tls, host: host.into(), tls_ca: authority.into(), ..settings(&place) };
        let result = PgDatabase::new(&settings, Schema::Billing).unwrap().migrate().await;
        assert_eq!(result.is_ok(), works, "{tls:?} {host} {authority:?}: {result:?}");
        assert!(works || unavailable(&result));
    }
}

#[tokio::test]
async fn the_connections_are_counted() {
    let database = PgDatabase::new(&settings(&Postgres::shared().database()), Schema::Inventory).unwrap();
    database.migrate().await.unwrap();
    let movies = PgMovies::new(database.clone());
    join_all((0..5).map(|id| movies.find(movie_id(id + 1)))).await;
    let (open, idle) = database.connections();
    assert!(open >= 1 && open == idle, "nothing is asked now: {open} open, {idle} idle");
}
