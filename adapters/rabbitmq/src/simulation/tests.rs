use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::bug::Bug;
use super::run;

/// Seeds that failed once, each of which found a fault in the code or in the simulation.
const FAILED_ONCE: &[u64] = &[];

/// Seeds of an ordinary run of the crate's tests. The part `simulation` of the whole run takes more.
const SEEDS: u64 = 500;

/// How many seeds must suffice to find a bug.
const SEEDS_FOR_A_BUG: u64 = 100;

fn variable(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "a test's own options")]
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number and is {text}")))
}

fn check(seed: u64) {
    let report = run(seed, None);
    assert!(
        report.wrong.is_empty(),
        "seed {seed}: {:#?}\nrepeat it with ./tests/run simulation -- --seed {seed}, and keep it in FAILED_ONCE",
        report.wrong
    );
}

#[test]
fn whatever_happens_the_account_balances() {
    if let Some(seed) = variable("CODE_KEEPER_SIMULATION_SEED") {
        println!("{:?}", run(seed, None));
        return check(seed);
    }
    FAILED_ONCE.iter().copied().for_each(check);
    let seeds = variable("CODE_KEEPER_SIMULATION_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        break;
                    }
                    check(seed);
                }
            });
        }
    });
}

#[test]
fn a_seed_gives_the_same_run_again() {
    for seed in 0..20 {
        assert_eq!(run(seed, None), run(seed, None), "seed {seed}");
    }
}

#[test]
fn something_is_recorded_and_something_is_dead() {
    let (recorded, dead) = (0..50)
        .map(|seed| run(seed, None))
        .fold((0, 0), |(recorded, dead), report| (recorded + report.recorded, dead + report.dead));
    assert!(recorded > 100 && dead > 50, "{recorded} recorded, {dead} dead");
}

/// The seed that finds a bug.
fn found(bug: Bug) -> Option<u64> {
    (0..SEEDS_FOR_A_BUG).find(|seed| !run(*seed, Some(bug)).wrong.is_empty())
}

#[test]
fn an_acknowledgement_before_the_commit_is_found() {
    assert!(found(Bug::AcknowledgedBeforeCommit).is_some());
}

#[test]
fn a_confirm_that_is_ignored_is_found() {
    assert!(found(Bug::ConfirmIgnored).is_some());
}

#[test]
fn an_acknowledgement_of_what_is_not_forwarded_yet_is_found() {
    assert!(found(Bug::ForwardedBeforeConfirm).is_some());
}
