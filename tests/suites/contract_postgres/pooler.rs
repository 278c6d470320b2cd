//! Behind PgBouncer, which hands the server's sessions from one connection to the next.

use keeper_tests::harness::{PgBouncer, PoolMode};

use super::*;

/// A pooler in front of an empty database, and settings that lead through it.
fn pooled(mode: PoolMode, ignored: bool) -> (PgBouncer, PgSettings) {
    let pooler = PgBouncer::start(&Postgres::shared().database(), mode, ignored);
    let settings = settings(&pooler.database());
    (pooler, settings)
}

async fn movies() -> (contract::movie_repository::Subject, PgBouncer) {
    let (pooler, settings) = pooled(PoolMode::Transaction, false);
    let database = PgDatabase::new(&settings, Schema::Inventory).unwrap();
    database.migrate().await.unwrap();
    (Arc::new(PgMovies::new(database)), pooler)
}

async fn ledger() -> (contract::order_ledger::Subject, PgBouncer) {
    let (pooler, settings) = pooled(PoolMode::Transaction, true);
    let database = PgDatabase::new(&settings, Schema::Billing).unwrap();
    database.migrate().await.unwrap();
    (Arc::new(PgOrders::new(database)), pooler)
}

keeper_tests::movie_repository_contract!(super::movies);
keeper_tests::order_ledger_contract!(super::ledger);

/// The calls of two units of each kind, whose statements are as many as their sessions are few.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_carries_out_the_statement_of_another() {
    for ignored in [true, false] {
        for pooler in [Pooler::Detect, Pooler::Transaction] {
            let (_pooler, settings) = pooled(PoolMode::Transaction, ignored);
            let settings = PgSettings { pooler, ..settings };
            let units: Vec<_> =
                (0..2).map(|_| PgDatabase::new(&settings, Schema::Inventory).unwrap()).collect();
            let migrated = join_all(units.iter().map(PgDatabase::migrate)).await;
            assert!(migrated.iter().all(Result::is_ok), "{migrated:?}");
            mixed_calls(&units).await;
        }
    }
}

async fn mixed_calls(units: &[PgDatabase]) {
    let movies: Vec<_> = units.iter().map(|unit| PgMovies::new(unit.clone())).collect();
    let probes: Vec<_> = units.iter().map(|unit| DatabaseProbe::new(unit.clone())).collect();
    for round in 0..6 {
        let calls = (0..6).map(async |call| match (call + round) % 3 {
            0 => movies[call % 2].delete_all().await.map(drop),
            1 => probes[call % 2].check().await,
            _ => movies[call % 2].search(MovieQuery::default(), page(None, 10)).await.map(drop),
        });
        let failed: Vec<_> = join_all(calls).await.into_iter().filter(Result::is_err).collect();
        assert!(failed.is_empty(), "{failed:?}");
    }
    movies[0].delete_all().await.unwrap();
    let titles: Vec<_> = (0..50).map(|number| format!("movie {number}")).collect();
    let added = join_all(
        titles
            .iter()
            .enumerate()
            .map(async |(at, title)| movies[at % 2].insert(movie(title), at_second(at)).await.unwrap().id),
    )
    .await;
    let finds = (0..240).map(async |call| {
        probes[call % 2].check().await.unwrap();
        let (id, title) = (added[call % 50], &titles[call % 50]);
        assert_eq!(movies[call % 2].find(id).await.unwrap().unwrap().title.as_str(), title);
        let change = MovieChange::new(Some(Title::new(title).unwrap()), None).unwrap();
        assert_eq!(movies[call % 2].update(id, change, at(9)).await.unwrap().unwrap().id, id);
    });
    join_all(finds).await;
    assert_eq!(movies[1].search(MovieQuery::default(), page(None, 100)).await.unwrap().items.len(), 50);
}

fn at_second(second: usize) -> keeper_domain::Timestamp {
    at(i64::try_from(second).unwrap())
}

#[tokio::test]
async fn a_pooler_that_gives_each_client_a_session_serves_as_well() {
    for ignored in [true, false] {
        let (_pooler, settings) = pooled(PoolMode::Session, ignored);
        let database = PgDatabase::new(&settings, Schema::Inventory).unwrap();
        database.migrate().await.unwrap();
        mixed_calls(&[database.clone(), database]).await;
    }
}

/// Another client of the pooler, which leaves its settings in all of the few sessions.
async fn leave(pooler: &PgBouncer, settings: &str) {
    let place = pooler.database();
    let leaving = (0..6).map(|_| {
        // Long enough to be in its session while the others take the other ones.
        let sql = format!("{settings}; SELECT pg_sleep(0.2)");
        let place = place.clone();
        tokio::task::spawn_blocking(move || psql_through(&place, &sql))
    });
    join_all(leaving).await.into_iter().for_each(Result::unwrap);
}

fn psql_through(place: &harness::Database, sql: &str) {
    let done = std::process::Command::new(Postgres::shared().programs().join("psql"))
        .args(["-qX", "-v", "ON_ERROR_STOP=1", "-h", &place.host, "-p", &place.port.to_string()])
        .args(["-U", &place.user, "-d", &place.name, "-c", sql])
        .env("PGPASSWORD", &place.password)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_client_leaves_in_a_session_changes_nothing() {
    for settings in [
        "SET default_transaction_read_only = on",
        "SET idle_in_transaction_session_timeout = 1",
        "SET default_transaction_isolation = 'serializable'; SET lock_timeout = 1",
        "SET search_path = pg_catalog; SET synchronous_commit = off; SET statement_timeout = 500",
        "SET ROLE pg_monitor",
        // Of the shape that billing's has, so that orders would go there, and end with that session.
        "CREATE TEMP TABLE IF NOT EXISTS orders (order_id uuid PRIMARY KEY, seq bigserial, user_id text, number_of_items integer,
         total_minor bigint, created_at timestamptz, recorded_at timestamptz)",
    ] {
        for (pooler, ignored) in [(Pooler::Detect, false), (Pooler::Transaction, true)] {
            let (bouncer, place) = pooled(PoolMode::Transaction, ignored);
            let database = PgDatabase::new(&PgSettings { pooler, ..place }, Schema::Billing).unwrap();
            Postgres::shared().psql("postgres", &format!("GRANT pg_monitor TO {}", bouncer.database().user));
            leave(&bouncer, settings).await;
            database.migrate().await.unwrap_or_else(|error| panic!("{settings}: {}", error.chain()));
            let (ledger, probe) = (PgOrders::new(database.clone()), DatabaseProbe::new(database));
            for _ in 0..12 {
                let order = order("20");
                let inserted = ledger.insert(vec![order.clone()], at(1)).await;
                assert!(inserted.is_ok(), "{settings}: {inserted:?}");
                assert!(ledger.find(order.id).await.unwrap().is_some());
                probe.check().await.unwrap_or_else(|error| panic!("{settings}: {}", error.chain()));
            }
            let kept = Postgres::shared().psql(&bouncer.database().name, "SELECT count(*) FROM orders");
            assert_eq!(kept, "12", "{settings}");
        }
    }
}

/// Such a limit has a search give some of what it finds, and no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_client_does_not_limit_searches() {
    let (bouncer, place) = pooled(PoolMode::Transaction, false);
    let database = PgDatabase::new(&place, Schema::Inventory).unwrap();
    database.migrate().await.unwrap();
    let rows = "INSERT INTO movies (title, title_folded, description, created_at, updated_at)
        SELECT 'common ' || id, 'common ' || id, '', now(), now() FROM generate_series(1, 20000) AS id";
    Postgres::shared().psql(&bouncer.database().name, &format!("{rows}; ANALYZE movies"));
    leave(&bouncer, "SET gin_fuzzy_search_limit = 1; SET enable_indexscan = off; SET enable_seqscan = off")
        .await;
    let movies = PgMovies::new(database);
    for _ in 0..6 {
        let title = keeper_domain::TitlePart::new("common").unwrap();
        let found = movies.search(MovieQuery { title }, page(None, 1000)).await.unwrap();
        assert_eq!(found.items.len(), 1000);
    }
}

#[tokio::test]
async fn a_pooler_without_transactions_is_told_in_one_sentence() {
    for (pooler, ignored) in [(Pooler::Detect, true), (Pooler::Detect, false), (Pooler::Transaction, false)] {
        let (_pooler, settings) = pooled(PoolMode::Statement, ignored);
        let database = PgDatabase::new(&PgSettings { pooler, ..settings }, Schema::Billing).unwrap();
        let migrated = database.migrate().await.unwrap_err();
        let probed = DatabaseProbe::new(database.clone()).check().await.unwrap_err();
        let written = PgOrders::new(database).insert(vec![order("20")], at(1)).await;
        assert!(unavailable(&written), "nothing was written: {written:?}");
        for told in [migrated, probed, written.unwrap_err()] {
            assert!(told.chain().contains("set pool_mode = transaction"), "{}", told.chain());
        }
    }
}

#[tokio::test]
async fn a_statement_that_takes_too_long_times_out_behind_a_pooler_too() {
    let (pooler, settings) = pooled(PoolMode::Transaction, false);
    let hasty = PgSettings { statement_timeout_ms: 300, ..settings };
    let database = PgDatabase::new(&hasty, Schema::Inventory).unwrap();
    database.migrate().await.unwrap();
    let movies = PgMovies::new(database);
    let (name, locked) = (pooler.database().name, "BEGIN; LOCK TABLE movies; SELECT pg_sleep(2); COMMIT");
    let locking = std::thread::spawn(move || Postgres::shared().psql(&name, locked));
    let waiting =
        "SELECT count(*) FROM pg_locks WHERE relation = 'movies'::regclass AND mode = 'AccessExclusiveLock'";
    harness::eventually("the table is locked", std::time::Duration::from_secs(10), async || {
        (Postgres::shared().psql(&pooler.database().name, waiting).trim() == "1").then_some(())
    })
    .await;
    let slow = movies.search(MovieQuery::default(), page(None, 1)).await;
    assert!(matches!(slow, Err(PortError::TimedOut { .. })), "{slow:?}");
    locking.join().unwrap();
    assert!(movies.search(MovieQuery::default(), page(None, 1)).await.unwrap().items.is_empty());
}
