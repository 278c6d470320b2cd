//! Faults in random order, composed from a seed: `./tests/run faults -- --seed N --minutes M`.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::time::{Duration, Instant};

use keeper_tests::faults::{Load, PATIENCE, Pace, Proxy, Random, Site, publish};
use keeper_tests::harness::{Unit, eventually, faketime};
use lapin::BasicProperties;
use tokio::task::block_in_place;
use tokio::time::sleep;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// What may happen.
const FAULTS: [&str; 21] = [
    "billing is stopped",
    "billing is killed",
    "a replica is killed",
    "the gateway is killed",
    "the broker is killed",
    "the broker is stopped",
    "the broker's disk is full",
    "the database is killed",
    "the database is away",
    "the database takes no writes",
    "billing hangs",
    "the gateway hangs",
    "the broker hangs",
    "the database hangs",
    "the network is slow",
    "the network carries a byte at a time",
    "the network cuts connections",
    "the network falls silent",
    "the clocks go forward",
    "the clocks go back",
    "poison comes",
];

/// The ways of the units to their servers.
struct Network {
    broker: Proxy,
    database: Proxy,
}

impl Network {
    fn carry(&self, pace: Pace) {
        self.broker.carry(pace);
        self.database.carry(pace);
    }
}

async fn happens(
    fault: &str,
    site: &Site,
    network: &Network,
    replica: &Unit,
    random: &mut Random,
    poison: &mut u64,
) {
    let while_away = Duration::from_millis(random.below(4_000));
    let pace = match fault {
        "the network is slow" => Some(Pace::Late(Duration::from_millis(20 + random.below(200)))),
        "the network carries a byte at a time" => Some(Pace::ByByte),
        "the network cuts connections" => {
            Some(Pace::CutAfter(usize::try_from(random.below(20_000)).unwrap()))
        }
        _ => None,
    };
    if let Some(pace) = pace {
        network.carry(pace);
        sleep(while_away).await;
        return network.carry(Pace::Usual);
    }
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
        "the database takes no writes" => {
            block_in_place(|| site.set_read_only(true));
            sleep(while_away).await;
            block_in_place(|| site.set_read_only(false));
        }
        "billing hangs" => hangs(while_away, |signal| site.billing.signal(signal)).await,
        "the gateway hangs" => hangs(while_away, |signal| site.gateway.signal(signal)).await,
        "the broker hangs" => hangs(while_away, |signal| site.broker.signal(signal)).await,
        "the database hangs" => hangs(while_away, |signal| site.postgres.signal(signal)).await,
        "the network falls silent" => {
            let way = if random.below(2) == 0 { &network.broker } else { &network.database };
            way.silence();
            sleep(while_away).await;
            way.heal();
        }
        // By up to an hour, until the next time.
        "the clocks go forward" => set_clocks(site, &format!("+{}", random.below(3_600))),
        "the clocks go back" => set_clocks(site, &format!("-{}", random.below(3_600))),
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

async fn hangs(time: Duration, signal: impl Fn(&str)) {
    block_in_place(|| signal("STOP"));
    sleep(time).await;
    block_in_place(|| signal("CONT"));
}

/// The file that says what time it is for the units.
fn clock(site: &Site) -> std::path::PathBuf {
    site.billing.folder().join("clock")
}

fn set_clocks(site: &Site, offset: &str) {
    let new = clock(site).with_extension("new");
    std::fs::write(&new, offset).unwrap();
    // At no moment is it empty.
    std::fs::rename(new, clock(site)).unwrap();
}

/// A site whose units are behind a network that can be slow, and live by clocks that can be set. Nothing is started yet.
async fn prepared() -> (Site, Network) {
    let mut broker = None;
    let mut site = Site::prepared(async |port| broker.insert(Proxy::to(port).await).port()).await;
    let port = |settings: &[(String, String)]| {
        let port = settings.iter().find(|(key, _)| key == "KEEPER_DATABASE__PORT").unwrap();
        port.1.parse().unwrap()
    };
    let database = Proxy::to(port(&site.billing.settings())).await;
    let faked = [
        ("LD_PRELOAD", faketime()),
        ("FAKETIME_TIMESTAMP_FILE", clock(&site).display().to_string()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("KEEPER_DATABASE__PORT", database.port().to_string()),
    ];
    set_clocks(&site, "+0");
    for (key, value) in faked {
        site.billing.set(key, &value);
        if !key.starts_with("KEEPER_DATABASE") {
            site.gateway.set(key, &value);
        }
    }
    (site, Network { broker: broker.unwrap(), database })
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
    let ((site, network), mut random, mut poison) = (prepared().await, Random::new(seed), 0);
    site.gateway.start();
    site.billing.start();
    site.billing.ready().await;
    let replica = site.replica();
    replica.start();
    let load = site.load(8).await;
    block_in_place(|| site.broker.remember_queues());
    let start = Instant::now();
    while start.elapsed() < limit {
        let fault = FAULTS[usize::try_from(random.below(FAULTS.len() as u64)).unwrap()];
        println!("{:6.1} s: {fault}", start.elapsed().as_secs_f64());
        happens(fault, &site, &network, &replica, &mut random, &mut poison).await;
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
