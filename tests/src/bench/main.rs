//! The benchmark: `bench [--movies N] [--seconds S] [--connections C]`, `bench --costs ROUNDS`, or
//! `bench --compare ROUNDS [--replicas R]`.
//!
//! It starts the distributed stack on servers of its own, drives it with wrk over 32 connections, and sets each figure
//! beside what pgbench reaches with the same statement, 32 clients, in the same run. With more than 10,000 movies it
//! shows too how much slower reading has become since 10,000. With `--costs` it measures instead what known callers, limits and
//! traces cost; with `--compare` it sets the programs of an older version beside today's.

#![allow(clippy::expect_used, reason = "a benchmark that cannot go on says where and why")]

mod compare;
mod costs;
mod load;
mod report;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use keeper_tests::harness::{Backing, Kind, Postgres, Stack, Unit, eventually, until};

use load::{Figures, Load};
use report::Report;

const SMALL: u64 = 10_000;

const READ: &str = "SELECT id, title, description, created_at, updated_at FROM movies WHERE id = :id;";
const SEARCH: &str = "SELECT id, title, description, created_at, updated_at FROM movies WHERE id > 0 AND title_folded \
    LIKE '%' || lpad(to_hex((:id::bigint * 2654435761) % 4294967296), 8, '0') || '%' ORDER BY id LIMIT 101;";
const PAGE: &str = "SELECT id, title, description, created_at, updated_at FROM movies WHERE id > :id - 100 ORDER BY id LIMIT 101;";
const CREATE: &str = "INSERT INTO movies (title, title_folded, description, created_at, updated_at) VALUES \
    ('Added ' || to_hex(:word::bigint), 'added ' || to_hex(:word::bigint), 'By the benchmark.', now(), now()) RETURNING id;";
const UPDATE: &str = "UPDATE movies SET title = coalesce(NULL, title), title_folded = coalesce(NULL, title_folded), \
    description = coalesce('Changed ' || :word::text, description), updated_at = now() WHERE id = :id \
    RETURNING id, title, description, created_at, updated_at;";
const ORDER: &str = "INSERT INTO orders (order_id, user_id, number_of_items, total_minor, created_at, recorded_at) \
    VALUES (gen_random_uuid(), 'pgbench', 99, 25000, now(), now()) ON CONFLICT (order_id) DO NOTHING RETURNING order_id;";

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str, usual: u64| {
        let value = arguments.iter().position(|argument| argument == name).map(|at| arguments.get(at + 1));
        value.map_or(usual, |value| {
            value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name} takes a number"))
        })
    };
    let asked = |name: &str| arguments.iter().any(|argument| argument == name);
    let (movies, connections) = (option("--movies", SMALL), option("--connections", 32));

    if asked("--costs") || asked("--compare") {
        let load = Load { seconds: option("--seconds", 4), connections, programs: PathBuf::new() };
        if asked("--costs") {
            costs::measure(&load, option("--costs", 9)).await;
        } else {
            compare::measure(&load, option("--compare", 9), option("--replicas", 1)).await;
        }
        return;
    }
    let stack = Stack::started(Kind::Distributed).await;
    let load = Load {
        seconds: option("--seconds", 10),
        connections,
        programs: Postgres::shared().programs().to_owned(),
    };
    let mut report = Report::default();
    seed(stack.backing(), 1, SMALL.min(movies));
    let small = reading(&load, &stack, SMALL.min(movies), &mut report);
    if movies > SMALL {
        seed(stack.backing(), SMALL + 1, movies);
        report.heading(&format!("with {movies} movies (ratio: to {SMALL})"));
        let mut large = Report::default();
        for ((name, now), (_, before)) in reading(&load, &stack, movies, &mut large).iter().zip(&small) {
            report.row(name, now, Some(before.rate), Some(0.5));
        }
    }
    report.heading("writing");
    writing(&load, &stack, movies, &mut report);
    orders(&load, &stack, &mut report).await;
    for unit in stack.units() {
        report.memory(unit.name(), unit.peak_memory());
    }
    drop(stack);
    report.note(&format!("standalone answers {} ms after its start", start_time().as_millis()));
    report.print();
    assert_eq!(report.failures(), 0, "some requests failed");
}

/// Adds the movies of these numbers. Each title has a word that no other has.
fn seed(backing: &Backing, first: u64, last: u64) {
    let title =
        "'Movie ' || lpad(to_hex((n::bigint * 2654435761) % 4294967296), 8, '0') || ' of the catalogue'";
    Postgres::shared().psql(
        &backing.inventory.name,
        &format!(
            "INSERT INTO movies (title, title_folded, description, created_at, updated_at) \
             SELECT {title}, lower({title}), repeat('What it is about. ', 10), now(), now() \
             FROM generate_series({first}, {last}) n"
        ),
    );
    Postgres::shared().psql(&backing.inventory.name, "VACUUM ANALYZE movies");
}

fn reading(load: &Load, stack: &Stack, movies: u64, report: &mut Report) -> Vec<(&'static str, Figures)> {
    let database = &stack.backing().inventory;
    let (gateway, inventory) = (stack.front().url(), stack.unit("inventory").url());
    let id = format!("\\set id random(1, {movies})\n");
    let mut figures = Vec::new();
    let bare = load.pgbench(database, "prepared", &format!("{id}{READ}"));
    report.row("pgbench: by id", &bare, None, None);
    for (name, url, aim) in
        [("by id through the gateway", &gateway, 0.5), ("by id, inventory directly", &inventory, 0.65)]
    {
        let figure = load.wrk(url, "read", movies);
        report.row(name, &figure, Some(bare.rate), Some(aim));
        figures.push((name, figure));
    }
    // Planned each time, as the adapter does.
    let bare = load.pgbench(database, "extended", &format!("{id}{SEARCH}"));
    report.row("pgbench: search, 1 row", &bare, None, None);
    let figure = load.wrk(&gateway, "search", movies);
    report.row("search, 1 row, gateway", &figure, Some(bare.rate), None);
    figures.push(("search, 1 row, gateway", figure));
    let bare = load.pgbench(database, "prepared", &format!("{id}{PAGE}"));
    report.row("pgbench: page of 100", &bare, None, None);
    let figure = load.wrk(&gateway, "page", movies);
    report.row("page of 100, gateway", &figure, Some(bare.rate), None);
    figures.push(("page of 100, gateway", figure));
    figures
}

fn writing(load: &Load, stack: &Stack, movies: u64, report: &mut Report) {
    let database = &stack.backing().inventory;
    let gateway = stack.front().url();
    let variables = format!("\\set id random(1, {movies})\n\\set word random(1, 2147483647)\n");
    for (name, statement, kind) in [("create", CREATE, "create"), ("update", UPDATE, "update")] {
        let bare = load.pgbench(database, "prepared", &format!("{variables}{statement}"));
        report.row(&format!("pgbench: {name}"), &bare, None, None);
        let figure = load.wrk(&gateway, kind, movies);
        report.row(&format!("{name} through the gateway"), &figure, Some(bare.rate), Some(0.55));
    }
}

async fn orders(load: &Load, stack: &Stack, report: &mut Report) {
    let bare = load.pgbench(&stack.backing().billing, "prepared", ORDER);
    report.row("pgbench: insert an order", &bare, None, None);
    let start = Instant::now();
    let accepted = load.wrk(&stack.front().url(), "order", 0);
    report.row("orders accepted", &accepted, Some(bare.rate), Some(0.9));
    // wrk leaves without waiting for the last answers, so there may be a few more than it counted.
    let database = &stack.backing().billing.name;
    let count =
        || Postgres::shared().psql(database, "SELECT count(*) FROM orders WHERE user_id <> 'pgbench'");
    let queue = async || {
        let metrics = stack.recorder().management().get("/metrics").await.body;
        let recorded =
            metrics.lines().find(|line| line.starts_with("orders_recorded_total{outcome=\"recorded\"}"));
        recorded.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
    };
    let recorded = eventually("all orders are recorded", Duration::from_mins(5), async || {
        #[expect(clippy::cast_precision_loss, reason = "a benchmark has fewer requests")]
        queue().await.filter(|recorded| *recorded >= accepted.requests as f64)
    })
    .await;
    let took = start.elapsed();
    let figure = Figures { rate: recorded / took.as_secs_f64(), ..Figures::default() };
    report.row("orders recorded, drain included", &figure, Some(bare.rate), Some(0.8));
    report.note(&format!("{} orders accepted, {} in the ledger", accepted.requests, count()));
}

fn start_time() -> Duration {
    let unit = Unit::new("standalone", []);
    let address = unit.url().trim_start_matches("http://").to_owned();
    let start = Instant::now();
    unit.start();
    until("standalone answers", Duration::from_secs(10), || std::net::TcpStream::connect(&address).ok());
    start.elapsed()
}
