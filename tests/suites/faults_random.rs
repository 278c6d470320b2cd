//! Faults in random order, composed from a seed: `./tests/run faults -- --seed N --minutes M`.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::time::{Duration, Instant};

use keeper_tests::faults::{Load, PATIENCE, Random, Site, publish};
use keeper_tests::harness::{Unit, eventually};
use lapin::BasicProperties;
use tokio::task::block_in_place;
use tokio::time::sleep;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// What may happen.
const FAULTS: [&str; 10] = [
    "billing is stopped",
    "billing is killed",
    "a replica is killed",
    "the gateway is killed",
    "the broker is killed",
    "the broker is stopped",
    "the broker's disk is full",
    "the database is killed",
    "the database is away",
    "poison comes",
];

async fn happens(fault: &str, site: &Site, replica: &Unit, random: &mut Random, poison: &mut u64) {
    let while_away = Duration::from_millis(random.below(4_000));
    match fault {
        "billing is killed" => {
            site.billing.kill();
            sleep(while_away).await;
            site.billing.start();
        }
        "billing is stopped" => {
            assert!(block_in_place(|| site.billing.terminate()).success());
            site.billing.start();
        }
        "a replica is killed" => {
            replica.kill();
            sleep(while_away).await;
            replica.start();
        }
        "the gateway is killed" => {
            site.gateway.kill();
            site.gateway.start();
        }
        "the broker is killed" => {
            site.broker.kill();
            sleep(while_away).await;
            block_in_place(|| site.broker.start_again());
        }
        "the broker is stopped" => {
            block_in_place(|| site.broker.stop_app());
            sleep(while_away).await;
            block_in_place(|| site.broker.start_app());
        }
        "the broker's disk is full" => {
            block_in_place(|| site.broker.raise_disk_alarm());
            sleep(while_away).await;
            block_in_place(|| site.broker.clear_disk_alarm());
        }
        "the database is killed" => {
            site.postgres.kill();
            block_in_place(|| site.postgres.start_again());
        }
        "the database is away" => {
            block_in_place(|| site.postgres.stop());
            sleep(while_away * 2).await;
            block_in_place(|| site.postgres.start_again());
        }
        "poison comes" => {
            let (_connection, channel) = site.channel().await;
            for _ in 0..5 {
                *poison += 1;
                publish(&channel, BasicProperties::default(), format!("poison {poison}").as_bytes()).await;
            }
        }
        _ => panic!("nobody knows how {fault}"),
    }
}

async fn settles(load: &Load, site: &Site) {
    load.more(20).await;
    site.billing.health("ready", 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_the_account_balances() {
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let seed = number("CODE_KEEPER_FAULTS_SEED").unwrap_or(seconds);
    let limit = Duration::from_mins(number("CODE_KEEPER_FAULTS_MINUTES").unwrap_or(1));
    // Seen when the test fails.
    println!("seed {seed}");
    let (site, mut random, mut poison) = (Site::new().await, Random::new(seed), 0);
    let replica = site.replica();
    replica.start();
    let load = site.load(8).await;
    block_in_place(|| site.broker.remember_queues());
    let start = Instant::now();
    while start.elapsed() < limit {
        let fault = FAULTS[usize::try_from(random.below(FAULTS.len() as u64)).unwrap()];
        println!("{:6.1} s: {fault}", start.elapsed().as_secs_f64());
        happens(fault, &site, &replica, &mut random, &mut poison).await;
        settles(&load, &site).await;
    }
    let account = site.balance(load).await;
    let dead = eventually("all poison is among the dead letters", PATIENCE, async || {
        let letters = site.letters();
        let there = (1..=poison).all(|number| {
            let body = format!("poison {number}");
            letters.iter().any(|letter| letter.body == body)
        });
        there.then_some(letters)
    })
    .await;
    // What was delivered to many that died may be among the dead letters, too: it is in the account.
    println!("{account:?}");
    assert!(dead.iter().all(|letter| letter.body.starts_with("poison") || letter.reason == "undeliverable"));
}
