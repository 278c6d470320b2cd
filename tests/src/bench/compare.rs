//! Two versions of the distributed stack beside each other: the programs in the folder that `KEEPER_OLDER_BIN_DIR` names, and
//! today's.
//!
//! Both run at the same time and are loaded in turn, round after round, so that what else the machine does meets both. Each
//! figure is the median of its rounds.

use std::time::Duration;

use keeper_tests::faults::Balancer;
use keeper_tests::harness::{Kind, Postgres, Stack, Unit, Version, eventually, machine_processor_time};

use crate::load::Load;
use crate::report::median;

const MOVIES: u64 = 10_000;
/// The calls that are compared, as load.lua names them.
const CALLS: [&str; 6] = ["read", "search", "page", "create", "update", "order"];

/// One of the two versions.
struct Contender {
    stack: Stack,
    /// Replicas of inventory beside the stack's, behind one address.
    replicas: Vec<Unit>,
    /// What each round showed, by kind of call.
    rounds: [Rounds; CALLS.len()],
}

/// Of each round: calls for each second, and the microseconds of processor time for a call.
#[derive(Debug, Default)]
struct Rounds {
    rate: Vec<f64>,
    units: Vec<f64>,
    machine: Vec<f64>,
}

/// Measures and prints a table. `replicas` is the number of inventory's.
pub(crate) async fn measure(load: &Load, rounds: u64, replicas: u64) {
    let mut contenders = [
        Contender::started(Version::Before, replicas).await,
        Contender::started(Version::Today, replicas).await,
    ];
    for round in 0..rounds {
        for (number, call) in CALLS.into_iter().enumerate() {
            for contender in &mut contenders {
                contender.round(load, number, call).await;
            }
        }
        eprintln!("round {} of {rounds}", round + 1);
    }
    report(&contenders, load.connections, replicas);
}

impl Contender {
    async fn started(version: Version, replicas: u64) -> Self {
        let mut stack = Stack::new(Kind::Distributed);
        let database = stack.backing().inventory.clone();
        let mut others: Vec<_> = (1..replicas).map(|_| Unit::new("inventory", database.settings())).collect();
        if !others.is_empty() {
            let all = std::iter::once(stack.unit("inventory")).chain(&others);
            let balancer = Balancer::over(all.map(Unit::port).collect()).await;
            stack = stack.with("gateway", "KEEPER_INVENTORY__URL", &balancer.url());
        }
        stack.install(version);
        stack.start().await;
        for other in &mut others {
            other.install(version);
            other.start();
            other.ready().await;
        }
        crate::seed(stack.backing(), 1, MOVIES);
        Self { stack, replicas: others, rounds: Default::default() }
    }

    async fn round(&mut self, load: &Load, number: usize, call: &str) {
        let before = (self.processor_time(), machine_processor_time());
        let figures = load.wrk_as(&self.stack.front().url(), call, MOVIES, None);
        assert_eq!(figures.failures, 0, "{call}");
        let after = (self.processor_time(), machine_processor_time());
        let rounds = &mut self.rounds[number];
        rounds.rate.push(figures.rate);
        rounds.units.push(figures.for_a_call(after.0.saturating_sub(before.0)));
        rounds.machine.push(figures.for_a_call(after.1.saturating_sub(before.1)));
        if call == "order" {
            // What is still to be recorded is not the next one's to pay for.
            self.recorded(figures.requests).await;
        }
    }

    async fn recorded(&self, at_least: u64) {
        let database = &self.stack.backing().billing.name;
        let mut before = 0;
        eventually("the orders are recorded", Duration::from_mins(2), async || {
            let count = Postgres::shared().psql(database, "SELECT count(*) FROM orders");
            let count = count.trim().parse::<u64>().unwrap_or_default();
            let all = count >= at_least && count == before;
            before = count;
            all.then_some(())
        })
        .await;
    }

    fn processor_time(&self) -> Duration {
        self.stack.units().iter().chain(&self.replicas).filter_map(Unit::processor_time).sum()
    }
}

fn report(contenders: &[Contender; 2], connections: u64, replicas: u64) {
    let count = contenders[0].rounds[0].rate.len();
    println!(
        "{connections} connections, {replicas} of inventory; medians of {count} rounds in turn: before, today, and today to before.\n"
    );
    println!("| call   |         calls a second |      µs of the units |    µs of the machine |");
    println!("|--------|-----------------------:|---------------------:|---------------------:|");
    for (number, call) in CALLS.into_iter().enumerate() {
        let [before, today] = contenders.each_ref().map(|contender| &contender.rounds[number]);
        let pair = |of: fn(&Rounds) -> &Vec<f64>, width: usize, digits: usize| {
            let (before, today) = (median(of(before)), median(of(today)));
            format!("{before:>width$.digits$} {today:>width$.digits$}  {:.3}", today / before)
        };
        println!(
            "| {call:<6} | {} | {} | {} |",
            pair(|rounds| &rounds.rate, 7, 0),
            pair(|rounds| &rounds.units, 6, 1),
            pair(|rounds| &rounds.machine, 6, 1)
        );
    }
}
