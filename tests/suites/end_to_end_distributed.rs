//! The scenarios on gateway, inventory and billing with PostgreSQL and RabbitMQ, and what only that stack does.

#![allow(clippy::unwrap_used, reason = "tests")]

#[path = "end_to_end_distributed/callers.rs"]
mod callers;
#[path = "end_to_end_distributed/memory.rs"]
mod memory;
#[path = "end_to_end_distributed/policies.rs"]
mod policies;
#[path = "end_to_end_distributed/rotation.rs"]
mod rotation;

use std::time::Duration;

use keeper_tests::harness::{Backing, Kind, Postgres, PostgresOptions, RabbitMq, Stack, Unit, eventually};
use keeper_tests::scenarios::metric;
use keeper_tests::scenarios::protocol::refused;
use serde_json::json;

keeper_tests::end_to_end!(Distributed);

#[path = "end_to_end/access.rs"]
mod access;

const STACK: Kind = Kind::Distributed;

/// standalone has no secret.
mod secrets {
    keeper_tests::scenarios!(Distributed, own_stack: operations { no_secret_is_in_a_log });
}

fn backing() -> Backing {
    let server = Postgres::shared();
    Backing { inventory: server.database(), billing: server.database(), vhost: RabbitMq::shared().vhost() }
}

#[tokio::test]
async fn units_start_in_any_order() {
    let stack = Stack::distributed(backing());
    let (gateway, inventory, billing) = (stack.front(), stack.unit("inventory"), stack.unit("billing"));
    gateway.start();
    gateway.health("live", 200).await;
    gateway.is("starting").await;
    let api = stack.api();
    let movie = json!({"title": "Solaris", "description": ""});
    let away = api.post("/api/movies", &movie).await;
    refused(&away, 503, "unavailable", None);
    assert!(away.header("Retry-After").is_some_and(|seconds| seconds.parse::<u32>().is_ok()));
    refused(&api.get("/api/billing/orders?user_id=1").await, 503, "unavailable", None);
    inventory.start();
    eventually("the catalogue is there", Duration::from_secs(30), async || {
        (api.post("/api/movies", &movie).await.status == 201).then_some(())
    })
    .await;
    billing.start();
    stack.ready().await;
    api.get("/api/billing/orders?user_id=1").await.expect(200);
}

/// What needs it is answered with 503, and the rest goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dependency_that_goes_away_takes_nothing_else_with_it() {
    let backing = backing();
    let stack = Stack::distributed(backing.clone());
    stack.start().await;
    let (api, gateway) = (stack.api(), stack.front());
    let order = json!({"user_id": 1, "number_of_items": 1, "total_amount": 1});

    stack.unit("inventory").kill();
    gateway.is("degraded").await;
    refused(&api.get("/api/movies").await, 503, "unavailable", None);
    api.post("/api/billing", &order).await.expect(200);
    let body = gateway.management().get("/health/ready").await.expect(200).body;
    assert!(body.contains(r#""name":"inventory","ok":false"#), "{body}");
    let metrics = gateway.management().get("/metrics").await.expect(200).body;
    assert_eq!(metric(&metrics, "dependency_up", &[("name", "inventory")]), Some(0.0), "{metrics}");
    assert_eq!(metric(&metrics, "dependency_up", &[("name", "broker")]), Some(1.0), "{metrics}");
    stack.unit("inventory").start();
    stack.ready().await;

    let (broker, vhost) = (RabbitMq::shared(), &backing.vhost);
    broker.ctl(&["clear_permissions", "-p", &vhost.name, &vhost.user]);
    broker.ctl(&["close_all_connections", "-p", &vhost.name, "away"]);
    gateway.is("degraded").await;
    stack.unit("billing").is("degraded").await;
    refused(&api.post("/api/billing", &order).await, 503, "unavailable", None);
    api.get("/api/movies").await.expect(200);
    api.get("/api/billing/orders?user_id=1").await.expect(200);
}

/// The failure of a dependency is one line, not one for each attempt.
fn complaints(unit: &Unit) -> usize {
    unit.log().lines().filter(|line| line.contains("\"WARN\"") || line.contains("\"ERROR\"")).count()
}

#[tokio::test]
async fn a_unit_waits_for_its_database_and_says_so_once() {
    let server = Postgres::start(PostgresOptions { fsync: false, tls: false });
    let stack = Stack::distributed(Backing {
        inventory: server.database(),
        billing: server.database(),
        vhost: RabbitMq::shared().vhost(),
    });
    server.stop();
    let units = ["inventory", "billing"].map(|name| stack.unit(name));
    for unit in units {
        unit.start();
        unit.health("live", 200).await;
        unit.is("starting").await;
    }
    tokio::time::sleep(Duration::from_secs(4)).await;
    for unit in units {
        unit.is("starting").await;
        assert!((1..=2).contains(&complaints(unit)), "{}: {}", unit.name(), unit.log());
    }
    server.start_again();
    for unit in units {
        unit.ready().await;
    }
}

/// The first thing that somebody meets whose database another role made.
#[tokio::test]
async fn why_the_schema_cannot_be_made_is_one_error() {
    let server = Postgres::shared();
    let place = server.database();
    server.psql("postgres", &format!("ALTER DATABASE {} OWNER TO postgres", place.name));
    let unit = Unit::new("inventory", place.settings());
    unit.start();
    unit.misses("inventory database").await;
    let grant = format!("GRANT CREATE ON SCHEMA public TO \\\"{}\\\"", place.user);
    // Some attempts, one each second.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let log = unit.log();
    let errors: Vec<_> = log.lines().filter(|line| line.contains("\"ERROR\"")).collect();
    assert_eq!(errors.len(), 1, "{log}");
    assert!(errors[0].contains("permission denied for schema public") && errors[0].contains(&grant), "{log}");
    let body = unit.management().get("/health/ready").await.expect(503).body;
    assert!(body.contains("permission denied for schema public"), "{body}");
    server.psql(&place.name, &format!("GRANT CREATE ON SCHEMA public TO {}", place.user));
    server.psql("postgres", &format!("GRANT CREATE ON DATABASE {} TO {}", place.name, place.user));
    unit.ready().await;
}

#[tokio::test]
async fn a_unit_waits_for_its_broker() {
    let mut backing = backing();
    let nobody = keeper_tests::harness::free_port();
    let right = std::mem::replace(&mut backing.vhost.port, nobody);
    let stack = Stack::distributed(backing.clone());
    for unit in stack.units() {
        unit.start();
    }
    let billing = stack.unit("billing");
    for unit in [billing, stack.front()] {
        unit.is("starting").await;
    }
    let order = json!({"user_id": 1, "number_of_items": 1, "total_amount": 1});
    let refusal = stack.api().post("/api/billing", &order).await;
    refused(&refusal, 503, "unavailable", None);
    assert!(refusal.header("Retry-After").is_some());
    for unit in [billing, stack.front()] {
        let log = unit.log();
        let lines = log.lines().filter(|line| line.contains("WARN") && line.contains("broker")).count();
        assert_eq!(lines, 1, "{}: {log}", unit.name());
    }
    // The broker comes: a way from the port that nobody had to the one that it has.
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", nobody)).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut broker = tokio::net::TcpStream::connect(("127.0.0.1", right)).await?;
                tokio::io::copy_bidirectional(&mut client, &mut broker).await
            });
        }
    });
    stack.ready().await;
    let placed = eventually("an order is taken", Duration::from_secs(10), async || {
        let answer = stack.api().post("/api/billing", &order).await;
        (answer.status == 200).then(|| answer.json())
    })
    .await;
    let path = format!("/api/billing/orders/{}?wait=30", placed["order_id"].as_str().unwrap());
    stack.api().get(&path).await.expect(200);
}

#[tokio::test]
async fn two_replicas_start_at_once_on_an_empty_database() {
    for _ in 0..3 {
        let backing = backing();
        let broker = backing.vhost.settings();
        let replicas: Vec<_> = (0..2)
            .flat_map(|_| {
                let billing = backing.billing.settings().into_iter().chain(broker.clone());
                [Unit::new("inventory", backing.inventory.settings()), Unit::new("billing", billing)]
            })
            .collect();
        replicas.iter().for_each(Unit::start);
        for unit in &replicas {
            unit.ready().await;
            // On a busy machine the first look at the database may be too early, which is a warning.
            assert!(!unit.log().contains("\"ERROR\""), "{}", unit.log());
        }
    }
}

#[tokio::test]
async fn the_schema_is_made_by_the_subcommand_where_the_unit_may_not() {
    let stack = Stack::new(Kind::Distributed);
    for name in ["inventory", "billing"] {
        let unit = stack.unit(name);
        let careful = Unit::new(name, unit.settings()).with("KEEPER_DATABASE__MIGRATE", "false");
        careful.start();
        careful.health("live", 200).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        careful.is("starting").await;
        for _ in 0..2 {
            let output = unit.command(&["migrate"]);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        careful.ready().await;
        assert_eq!(careful.terminate().code(), Some(0));
    }
    // The gateway has no schema.
    assert!(!stack.front().command(&["migrate"]).status.success());
    stack.start().await;
    stack.api().get("/api/movies").await.expect(200);
}

/// Each thing that is wrong has one line, which says what to look at.
#[tokio::test]
async fn doctor_names_what_is_wrong() {
    let stack = Stack::new(Kind::Distributed);
    let with = |name: &'static str, variables: &[(&'static str, &str)]| {
        let unit = Unit::new(name, stack.unit(name).settings());
        let unit = variables.iter().fold(unit, |unit, (key, value)| unit.with(key, value));
        let output = unit.command(&["doctor"]);
        let (stdout, stderr) = (String::from_utf8(output.stdout), String::from_utf8(output.stderr));
        (output.status.code(), stdout.unwrap(), stderr.unwrap())
    };
    // Before the first start: the schema is yet to be made, and the other units do not run.
    let (code, text, _) = with("billing", &[]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text, error) = with("gateway", &[]);
    assert_eq!(code, Some(1), "{text}");
    assert!(error.contains("2 things are wrong"), "{error}");
    for wrong in ["wrong  inventory: ", "wrong  billing: ", "ok     broker"] {
        assert!(text.contains(wrong), "{text}");
    }
    let (code, text, error) =
        with("billing", &[("KEEPER_DATABASE__PASSWORD", "not it"), ("KEEPER_BROKER__PORT", "1")]);
    assert_eq!(code, Some(1), "{text}");
    assert!(error.contains("2 things are wrong"), "{error}");
    assert!(
        text.contains("password authentication failed")
            && text.contains("section broker of `billing config`"),
        "{text}"
    );
    assert!(!text.contains("not it"), "{text}");
    let (code, text, _) = with("inventory", &[("KEEPER_DATABASE__MIGRATE", "false")]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("`inventory migrate` applies them"), "{text}");
}

#[tokio::test]
async fn a_password_may_be_in_a_file() {
    let stack = Stack::new(Kind::Distributed);
    let inventory = stack.unit("inventory");
    let mut settings = inventory.settings();
    let (_, password) =
        settings.remove(settings.iter().position(|(key, _)| key.ends_with("PASSWORD")).unwrap());
    let file = inventory.folder().join("password");
    std::fs::write(&file, format!("{password}\n")).unwrap();
    let unit = Unit::new("inventory", settings);
    let unit = unit.with("KEEPER_DATABASE__PASSWORD_FILE", &file.display().to_string());
    unit.start();
    unit.ready().await;
}

#[tokio::test]
async fn a_key_is_not_looked_up_for_long_while_billing_is_away() {
    let stack = Stack::started(Kind::Distributed).await;
    let (api, billing) = (stack.api(), stack.unit("billing"));
    let place = async |total: &str| {
        let order = json!({"user_id": "anna", "number_of_items": 1, "total_amount": total});
        let request = api.request(reqwest::Method::POST, "/api/billing").json(&order);
        keeper_tests::harness::Answer::of(request.header("Idempotency-Key", "k")).await
    };
    let id = place("1.00").await.expect(200).json()["order_id"].as_str().expect("an id is text").to_owned();
    let path = format!("/api/billing/orders/{id}?wait=30");
    let first = api.get(&path).await.expect(200).json();
    eventually("the key is looked up in time", Duration::from_secs(30), async || {
        (place("2.00").await.status == 422).then_some(())
    })
    .await;
    // It is stopped, or does not answer at all.
    billing.signal("STOP");
    let started = std::time::Instant::now();
    place("2.00").await.expect(200);
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    billing.kill();
    place("3.00").await.expect(200);
    billing.start();
    stack.ready().await;
    eventually("both are conflicts", Duration::from_secs(30), async || {
        let metrics = billing.management().get("/metrics").await.body;
        let count = |outcome| metric(&metrics, "orders_recorded_total", &[("outcome", outcome)]);
        (count("conflict")? + count("further_conflict")? >= 2.0).then_some(())
    })
    .await;
    let list = billing.command(&["dead-letters", "list", "--json"]).stdout;
    let list = serde_json::from_slice::<serde_json::Value>(&list).unwrap();
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
    assert_eq!(api.get(&path).await.expect(200).json(), first);
}
