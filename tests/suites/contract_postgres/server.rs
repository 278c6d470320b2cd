//! What the server must be like, and what happens when it is not, or is not any more.

use std::time::Duration;

use keeper_tests::faults::Proxy;

use super::*;

/// A role of its own that owns the database.
fn owner(place: &harness::Database) -> harness::Database {
    let user = format!("{}_owner", place.name);
    let role = format!("CREATE ROLE {user} LOGIN PASSWORD '{}'", place.password);
    Postgres::shared().psql("postgres", &role);
    Postgres::shared().psql("postgres", &format!("ALTER DATABASE {} OWNER TO {user}", place.name));
    harness::Database { user, ..place.clone() }
}

#[tokio::test]
async fn a_connection_that_takes_no_writes_is_given_up() {
    let place = owner(&Postgres::shared().database());
    let database = PgDatabase::new(&settings(&place), Schema::Inventory).unwrap();
    database.migrate().await.unwrap();
    let read_only = format!("ALTER ROLE {} SET default_transaction_read_only = on", place.user);
    Postgres::shared().psql("postgres", &read_only);
    let (movies, probe) = (PgMovies::new(database.clone()), DatabaseProbe::new(database.clone()));
    let read = || async { movies.search(MovieQuery::default(), page(None, 1)).await };
    assert!(join_all((0..8).map(|_| read())).await.iter().all(Result::is_ok));
    let refused = movies.insert(movie("too early"), at(1)).await;
    assert!(unavailable(&refused), "{refused:?}");
    let not_ready = probe.check().await.unwrap_err();
    assert!(not_ready.chain().contains("takes no writes"), "{}", not_ready.chain());
    // As after a failover: the connections that there are lead to a server that takes no writes, new ones do not.
    assert!(join_all((0..8).map(|_| read())).await.iter().all(Result::is_ok));
    Postgres::shared().psql("postgres", &format!("ALTER ROLE {} RESET ALL", place.user));
    harness::eventually("the connections are no longer new", Duration::from_secs(5), async || {
        movies.insert(movie("in time"), at(1)).await.ok()
    })
    .await;
    probe.check().await.unwrap();
    let writes = join_all((0..16).map(|_| movies.insert(movie("in time"), at(1)))).await;
    assert!(writes.iter().all(Result::is_ok), "{writes:?}");
}

/// Has each addition of a movie refused in a session for which the condition holds.
fn refuse_where(place: &harness::Database, condition: &str, code: &str) {
    let trigger = format!(
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             IF {condition} THEN
                 RAISE EXCEPTION USING ERRCODE = '{code}', MESSAGE = 'refused in this session';
             END IF;
             RETURN NEW;
         END $$;
         CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON movies FOR EACH ROW EXECUTE FUNCTION refuse()"
    );
    Postgres::shared().psql(&place.name, &trigger);
}

/// What a role sets is a session's from its start to its end.
#[tokio::test]
async fn a_session_whose_settings_refuse_statements_is_given_up() {
    for code in ["53200", "53400", "55P03"] {
        let place = owner(&Postgres::shared().database());
        let database = PgDatabase::new(&settings(&place), Schema::Inventory).unwrap();
        database.migrate().await.unwrap();
        refuse_where(&place, "current_setting('keeper.refuses', true) = 'yes'", code);
        let role = &place.user;
        Postgres::shared().psql("postgres", &format!("ALTER ROLE {role} SET keeper.refuses = yes"));
        let movies = PgMovies::new(database);
        let read = || async { movies.search(MovieQuery::default(), page(None, 1)).await };
        assert!(join_all((0..8).map(|_| read())).await.iter().all(Result::is_ok));
        let refused = movies.insert(movie("too early"), at(1)).await;
        assert!(unavailable(&refused), "{code}: {refused:?}");
        assert!(join_all((0..8).map(|_| read())).await.iter().all(Result::is_ok));
        Postgres::shared().psql("postgres", &format!("ALTER ROLE {role} RESET ALL"));
        harness::eventually("the connections are no longer new", Duration::from_secs(5), async || {
            movies.insert(movie("in time"), at(1)).await.ok()
        })
        .await;
        let writes = join_all((0..16).map(|_| movies.insert(movie("in time"), at(1)))).await;
        assert!(writes.iter().all(Result::is_ok), "{code}: {writes:?}");
    }
}

/// Others see that it is not ready, and not only who was answered with 503.
#[tokio::test]
async fn a_database_without_room_is_not_ready_until_a_write_succeeds() {
    let place = Postgres::shared().database();
    let database = PgDatabase::new(&settings(&place), Schema::Inventory).unwrap();
    database.migrate().await.unwrap();
    let (movies, probe) = (PgMovies::new(database.clone()), DatabaseProbe::new(database));
    probe.check().await.unwrap();
    refuse_where(&place, "true", "53100");
    let refused = movies.insert(movie("too early"), at(1)).await;
    assert!(unavailable(&refused), "{refused:?}");
    // What changes nothing needs no room.
    assert!(movies.search(MovieQuery::default(), page(None, 1)).await.unwrap().items.is_empty());
    assert!(!movies.delete(movie_id(1)).await.unwrap());
    for _ in 0..2 {
        let told = probe.check().await.unwrap_err();
        assert!(
            matches!(told, PortError::Unavailable { .. }) && told.chain().contains("no room to write"),
            "{told:?}"
        );
    }
    refuse_where(&place, "false", "53100");
    movies.insert(movie("in time"), at(1)).await.unwrap();
    probe.check().await.unwrap();
}

#[tokio::test]
async fn what_a_role_sets_does_not_end_statements() {
    let place = owner(&Postgres::shared().database());
    for setting in
        ["lock_timeout = 1", "default_transaction_isolation = serializable", "gin_fuzzy_search_limit = 1"]
    {
        Postgres::shared().psql("postgres", &format!("ALTER ROLE {} SET {setting}", place.user));
    }
    let database = PgDatabase::new(&settings(&place), Schema::Inventory).unwrap();
    database.migrate().await.unwrap();
    let other = "current_setting('lock_timeout') <> '0' OR current_setting('gin_fuzzy_search_limit') <> '0'
        OR current_setting('transaction_isolation') <> 'read committed'";
    refuse_where(&place, other, "55P03");
    PgMovies::new(database).insert(movie("Solaris"), at(1)).await.unwrap();
}

#[tokio::test]
async fn a_role_that_may_not_make_tables_is_told_what_to_grant() {
    let place = owner(&Postgres::shared().database());
    let server = Postgres::shared();
    server.psql("postgres", &format!("ALTER DATABASE {} OWNER TO postgres", place.name));
    server.psql("postgres", &format!("GRANT ALL ON DATABASE {} TO {}", place.name, place.user));
    let database = PgDatabase::new(&settings(&place), Schema::Billing).unwrap();
    let probe = DatabaseProbe::new(database.clone());
    let refused = database.migrate().await.unwrap_err();
    assert!(matches!(refused, PortError::Failed { .. }), "{refused:?}");
    for told in [refused.chain(), probe.check().await.unwrap_err().chain()] {
        let grant = format!("GRANT CREATE ON SCHEMA public TO \"{}\"", place.user);
        assert!(told.contains("permission denied for schema public") && told.contains(&grant), "{told}");
        assert!(!told.contains("at line"), "the server's own source helps nobody: {told}");
    }
    server.psql(&place.name, &format!("GRANT CREATE ON SCHEMA public TO {}", place.user));
    database.migrate().await.unwrap();
    probe.check().await.unwrap();
}

/// Each refusal by the real server, its remedy, and that the remedy is one.
#[tokio::test]
async fn each_right_that_is_missing_is_told_with_its_own_remedy() {
    let server = Postgres::shared();
    let place = owner(&server.database());
    let (name, role) = (&place.name, &place.user);
    let sql = |sql: &str| server.psql(name, &sql.replace("ROLE", role).replace("NAME", name));
    let told = async |remedy: &str| {
        let database = PgDatabase::new(&settings(&place), Schema::Inventory).unwrap();
        let refused = database.migrate().await.unwrap_err().chain();
        let remedy = remedy.replace("ROLE", role).replace("NAME", name);
        assert!(refused.contains(&remedy), "{refused}");
        let probed = DatabaseProbe::new(database).check().await.unwrap_err().chain();
        assert!(probed.contains(&remedy), "{probed}");
    };
    sql("ALTER DATABASE NAME OWNER TO postgres");
    sql("REVOKE CONNECT ON DATABASE NAME FROM PUBLIC");
    told("GRANT CONNECT ON DATABASE \"NAME\" TO \"ROLE\"").await;
    sql("GRANT CONNECT ON DATABASE NAME TO ROLE");
    sql("REVOKE USAGE ON SCHEMA public FROM PUBLIC");
    told("GRANT USAGE, CREATE ON SCHEMA public TO \"ROLE\"").await;
    sql("GRANT USAGE ON SCHEMA public TO ROLE");
    told("GRANT CREATE ON SCHEMA public TO \"ROLE\"").await;
    // The schema of the role's own search path, which nobody has made yet, and where it may not make tables then.
    sql("ALTER USER ROLE SET search_path = shop");
    told("CREATE SCHEMA shop unless it is there, and GRANT USAGE, CREATE ON SCHEMA shop TO \"ROLE\"").await;
    sql("CREATE SCHEMA shop");
    sql("GRANT USAGE ON SCHEMA shop TO ROLE");
    told("GRANT CREATE ON SCHEMA shop TO \"ROLE\"").await;
    sql("ALTER USER ROLE RESET search_path");
    sql("GRANT CREATE ON SCHEMA public TO ROLE");
    told("GRANT CREATE ON DATABASE \"NAME\" TO \"ROLE\"").await;
    sql("GRANT CREATE ON DATABASE NAME TO ROLE");
    sql("CREATE EXTENSION pg_trgm SCHEMA shop");
    told("ALTER EXTENSION pg_trgm SET SCHEMA").await;
    sql("ALTER EXTENSION pg_trgm SET SCHEMA public");
    PgDatabase::new(&settings(&place), Schema::Inventory).unwrap().migrate().await.unwrap();
    // The next version's migration finds a table of another owner.
    sql("DELETE FROM _sqlx_migrations WHERE version = 8");
    sql("DROP FUNCTION is_blank CASCADE");
    sql("DROP FUNCTION is_time CASCADE");
    sql("ALTER TABLE movies OWNER TO postgres");
    told("ALTER TABLE movies OWNER TO \"ROLE\"").await;
    sql("ALTER TABLE movies OWNER TO ROLE");
    sql("ALTER TABLE _sqlx_migrations OWNER TO postgres");
    let database = PgDatabase::new(&settings(&place), Schema::Inventory).unwrap();
    let refused = database.migrate().await.unwrap_err().chain();
    assert!(refused.contains(&format!("ALTER TABLE _sqlx_migrations OWNER TO \"{role}\"")), "{refused}");
    sql("ALTER TABLE _sqlx_migrations OWNER TO ROLE");
    database.migrate().await.unwrap();
    DatabaseProbe::new(database).check().await.unwrap();
    // Tables without the one that says which migrations made them.
    sql("DROP TABLE _sqlx_migrations");
    told("restore this one with its table _sqlx_migrations").await;
}

#[tokio::test]
async fn a_database_that_cannot_hold_every_text_is_refused() {
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let mut place = Postgres::shared().database();
        place.name = format!("{}_{}", place.name, encoding.to_lowercase());
        let create = format!(
            "CREATE DATABASE {} OWNER {} ENCODING {encoding} LOCALE 'C' TEMPLATE template0",
            place.name, place.user
        );
        Postgres::shared().psql("postgres", &create);
        let database = PgDatabase::new(&settings(&place), Schema::Inventory).unwrap();
        let refused = database.migrate().await.unwrap_err();
        assert!(matches!(refused, PortError::Failed { .. }), "{refused:?}");
        for told in [refused.chain(), DatabaseProbe::new(database).check().await.unwrap_err().chain()] {
            assert!(told.contains(encoding) && told.contains("UTF8"), "{told}");
        }
    }
}

#[tokio::test]
async fn a_database_belongs_to_one_unit() {
    let place = settings(&Postgres::shared().database());
    let inventory = PgDatabase::new(&place, Schema::Inventory).unwrap();
    let billing = PgDatabase::new(&place, Schema::Billing).unwrap();
    inventory.migrate().await.unwrap();
    DatabaseProbe::new(inventory).check().await.unwrap();
    let refused = billing.migrate().await.unwrap_err();
    for told in [refused.chain(), DatabaseProbe::new(billing).check().await.unwrap_err().chain()] {
        assert!(told.contains("give billing a database of its own"), "{told}");
    }
}

#[tokio::test]
async fn billing_refuses_to_commit_before_the_disk_has_it() {
    let place = owner(&Postgres::shared().database());
    let careless = format!("ALTER ROLE {} SET synchronous_commit = off", place.user);
    Postgres::shared().psql("postgres", &careless);
    let database = PgDatabase::new(&settings(&place), Schema::Billing).unwrap();
    let refused = database.migrate().await.unwrap_err().chain();
    assert!(refused.contains("synchronous_commit"), "{refused}");
}

/// A server that is full gives no new connection, but those that there are come free.
#[tokio::test]
async fn a_call_waits_for_a_connection_when_the_server_has_no_room_for_another() {
    let place = owner(&Postgres::shared().database());
    let database = PgDatabase::new(&settings(&place), Schema::Inventory).unwrap();
    database.migrate().await.unwrap();
    harness::eventually("the migration's connection is closed", Duration::from_secs(10), async || {
        let open = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{}'", place.user);
        (Postgres::shared().psql("postgres", &open).trim() == "0").then_some(())
    })
    .await;
    Postgres::shared().psql("postgres", &format!("ALTER ROLE {} CONNECTION LIMIT 2", place.user));
    let movies = PgMovies::new(database);
    for _ in 0..10 {
        let reads = join_all((0..32).map(|_| movies.search(MovieQuery::default(), page(None, 1)))).await;
        let failed = reads.iter().find(|read| read.is_err());
        assert!(failed.is_none(), "{failed:?}");
    }
}

/// Some connections work, and no other one can be opened: calls take turns.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_take_turns_where_no_other_connection_can_be_opened() {
    let place = owner(&Postgres::shared().database());
    let proxy = Proxy::to(place.port).await;
    let through = PgSettings { port: proxy.port(), connect_timeout_ms: 2_000, ..settings(&place) };
    let alter =
        |what: &str| Postgres::shared().psql("postgres", &format!("ALTER ROLE {} {what}", place.user));
    for (refuse, allow) in [
        ("NOLOGIN", "LOGIN"),
        ("PASSWORD 'another'", "PASSWORD 'OLD'"),
        // A network that takes new connections and says nothing on them.
        ("", ""),
    ] {
        let database = PgDatabase::new(&through, Schema::Inventory).unwrap();
        database.migrate().await.unwrap();
        let movies = PgMovies::new(database.clone());
        movies.search(MovieQuery::default(), page(None, 1)).await.unwrap();
        if refuse.is_empty() {
            proxy.silence_new();
        } else {
            drop(alter(refuse));
        }
        for _ in 0..6 {
            let reads = join_all((0..32).map(|_| movies.search(MovieQuery::default(), page(None, 1)))).await;
            let failed = reads.iter().find(|read| read.is_err());
            assert!(failed.is_none(), "{refuse}: {failed:?}");
        }
        // Without one that works, nobody waits in vain.
        let fresh = PgMovies::new(PgDatabase::new(&through, Schema::Inventory).unwrap());
        let start = std::time::Instant::now();
        assert!(unavailable(&fresh.search(MovieQuery::default(), page(None, 1)).await));
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
        if !allow.is_empty() {
            alter(&allow.replace("OLD", &place.password));
        }
    }
}

/// A client that holds the table until the server ends.
fn hold_lock(server: &Postgres, place: &harness::Database) -> std::process::Child {
    let locking = std::process::Command::new(server.programs().join("psql"))
        .args(["-qX", "-h", &place.host, "-p", &place.port.to_string(), "-U", &place.user, "-d", &place.name])
        .args(["-c", "BEGIN; LOCK TABLE movies; SELECT pg_sleep(600)"])
        .env("PGPASSWORD", &place.password)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    harness::until("the table is locked", Duration::from_secs(10), || {
        let locked = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'movies'::regclass";
        (server.psql(&place.name, locked).trim() == "1").then_some(())
    });
    locking
}

/// Whether a change was carried out before its connection broke is not known, also when no other can be opened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_whose_connection_breaks_is_not_said_to_have_failed() {
    let server = Postgres::start(PostgresOptions::default());
    let place = server.database();
    let database = PgDatabase::new(&settings(&place), Schema::Inventory).unwrap();
    database.migrate().await.unwrap();
    let movies = PgMovies::new(database);
    let id = movies.insert(movie("Solaris"), at(1)).await.unwrap().id;
    let change = || MovieChange::new(Some(Title::new("Stalker").unwrap()), None).unwrap();
    let mut locking = hold_lock(&server, &place);
    let (answers, ()) = tokio::join!(
        async {
            tokio::join!(
                movies.update(id, change(), at(2)),
                movies.insert(movie("Mirror"), at(2)),
                movies.delete(id),
                movies.search(MovieQuery::default(), page(None, 1)),
            )
        },
        async {
            harness::eventually("four statements wait for the lock", Duration::from_secs(10), async || {
                let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
                (server.psql(&place.name, waiting).trim() == "4").then_some(())
            })
            .await;
            server.kill();
        },
    );
    let _ = locking.wait();
    let (updated, inserted, deleted, read) = answers;
    assert!(matches!(updated, Err(PortError::TimedOut { .. })), "{updated:?}");
    assert!(matches!(inserted, Err(PortError::TimedOut { .. })), "{inserted:?}");
    assert!(matches!(deleted, Err(PortError::TimedOut { .. })), "{deleted:?}");
    assert!(unavailable(&read), "a read changes nothing: {read:?}");
}
