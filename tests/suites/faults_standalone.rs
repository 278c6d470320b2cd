//! Faults of standalone: killed at any moment, a disk that is full, and a file that another process has locked.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use keeper_tests::faults::{Load, Outcome, PATIENCE, Random, Standalone, new_client};
use keeper_tests::harness::{Answer, SmallDisk, Unit, eventually};
use reqwest::Method;
use tokio::task::JoinSet;
use tokio::time::sleep;

const CLIENTS: usize = 8;

/// How often it is killed: 50 times, or as often as `CODE_KEEPER_FAULTS_ROUNDS` says.
fn rounds() -> u64 {
    std::env::var("CODE_KEEPER_FAULTS_ROUNDS").map_or(50, |rounds| rounds.parse().expect("it is a number"))
}

/// SQLite's own check of its files.
fn integrity(folder: &Path) {
    let check = "import sqlite3, sys, glob\n\
        files = glob.glob(sys.argv[1] + '/**/*.db', recursive=True)\n\
        assert files, 'no files'\n\
        for file in files:\n    \
            found = sqlite3.connect(file).execute('PRAGMA integrity_check').fetchall()\n    \
            assert found == [('ok',)], (file, found)\n";
    let output = Command::new("python3").args(["-c", check]).arg(folder).output().expect("python3 is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_killed_at_any_moment() {
    let (site, mut random) = (Standalone::prepared(), Random::new(11));
    site.unit.start();
    let load = Load::start(&site.unit.url(), CLIENTS);
    load.more(20).await;
    for _ in 0..rounds() {
        sleep(Duration::from_millis(random.below(300))).await;
        site.unit.kill();
        integrity(site.unit.folder());
        site.unit.start();
        load.more(1).await;
    }
    let account = site.balance_of(&load.stop().await).await;
    assert!(account.dead.is_empty(), "{account:?}");
    integrity(site.unit.folder());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_orders_until_there_is_room() {
    let disk = SmallDisk::mount();
    let site = Standalone::prepared();
    let path = disk.path().join("data");
    let site = Standalone { unit: site.unit.with("KEEPER_STORAGE__DIRECTORY", &path.display().to_string()) };
    site.unit.start();
    let load = Load::start(&site.unit.url(), CLIENTS);
    load.more(20).await;
    // Somebody else fills the disk.
    let ballast = disk.path().join("ballast");
    let _ = std::fs::write(&ballast, vec![0; 16 << 20]);
    sleep(Duration::from_secs(3)).await;
    let refused = load.accepted();
    ready_says(&site.unit, "degraded", "billing database", "full").await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(load.accepted(), refused, "nothing is accepted while the disk is full");
    std::fs::remove_file(&ballast).unwrap();
    load.more(50).await;
    ready_says(&site.unit, "ready", "billing database", "").await;
    let sent = load.stop().await;
    assert!(sent.iter().any(|order| order.outcome == Outcome::Refused(503)), "orders are refused");
    let account = site.balance_of(&sent).await;
    assert!(account.dead.is_empty(), "{account:?}");
    site.unit.kill();
    integrity(&path);
}

/// Nobody orders any more, and it is known all the same that there is room again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_until_there_is_room() {
    let (disk, unit) = (SmallDisk::mount(), Unit::new("standalone", []));
    let path = disk.path().join("data");
    let unit = unit.with("KEEPER_STORAGE__DIRECTORY", &path.display().to_string());
    unit.start();
    unit.ready().await;
    let ballast = disk.path().join("ballast");
    let _ = std::fs::write(&ballast, vec![0; 16 << 20]);
    let long = "x".repeat(10_000);
    let movie = serde_json::json!({ "title": "Solaris", "description": long });
    let add = || Answer::of(unit.api().request(Method::POST, "/api/movies").json(&movie));
    eventually("the disk is full", PATIENCE, async || (add().await.status == 503).then_some(())).await;
    for _ in 0..3 {
        sleep(Duration::from_secs(1)).await;
        ready_says(&unit, "degraded", "inventory database", "full").await;
    }
    std::fs::remove_file(&ballast).unwrap();
    ready_says(&unit, "ready", "inventory database", "").await;
    add().await.expect(201);
}

/// Waits until readiness is so, and the dependency's check says the word.
async fn ready_says(unit: &Unit, status: &str, dependency: &str, word: &str) {
    eventually(&format!("{dependency} is {status}"), PATIENCE, async || {
        let ready = unit.management().get("/health/ready").await.expect(200).json();
        let checks = ready["checks"].as_array().expect("there are some");
        let check = checks.iter().find(|check| check["name"] == dependency).expect("it is there");
        let says = check["error"].as_str().unwrap_or_default().contains(word);
        (ready["status"] == status && check["ok"] == (status == "ready") && says).then_some(())
    })
    .await;
}

/// A process that writes to a file and does not come to its end, until it is dropped.
struct Locked(Child);

impl Locked {
    fn take(file: &Path) -> Self {
        let lock = "import sqlite3, sys\n\
            sqlite3.connect(sys.argv[1], timeout=10, isolation_level=None).execute('BEGIN IMMEDIATE')\n\
            print('locked', flush=True)\n\
            sys.stdin.read()\n";
        let mut command = Command::new("python3");
        command.args(["-c", lock]).arg(file).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("python3 is there");
        let mut said = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "locked\n");
        Self(process)
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// More orders than there are places for requests, again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_locked_is_not_the_whole_system() {
    let site = Standalone::prepared();
    site.unit.start();
    site.unit.ready().await;
    let file = site.unit.folder().join("code-keeper-data").join("billing.db");
    let locked = Locked::take(&file);
    let (http, url) = (new_client(), format!("{}/api/billing", site.unit.url()));
    let order = serde_json::json!({ "user_id": "1", "number_of_items": "1", "total_amount": "1" });
    let mut flood = JoinSet::new();
    for _ in 0..600 {
        let (http, url, order) = (http.clone(), url.clone(), order.clone());
        flood.spawn(async move {
            loop {
                let _ = http.post(&url).json(&order).send().await;
                sleep(Duration::from_secs(2)).await;
            }
        });
    }
    sleep(Duration::from_secs(2)).await;
    let mut took = Vec::new();
    for _ in 0..40 {
        let begun = Instant::now();
        site.unit.api().get("/api/movies?limit=1").await.expect(200);
        took.push(begun.elapsed());
        sleep(Duration::from_millis(200)).await;
    }
    took.sort();
    assert!(took[20] < Duration::from_secs(1), "{took:?}");
    ready_says(&site.unit, "degraded", "billing database", "locked").await;
    flood.shutdown().await;
    // Sooner than the lock is given up.
    let begun = Instant::now();
    Answer::of(site.unit.api().request(Method::POST, "/api/billing").json(&order)).await.expect(503);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    drop(locked);
    ready_says(&site.unit, "ready", "billing database", "").await;
    let load = Load::start(&site.unit.url(), CLIENTS);
    load.more(50).await;
    load.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_finds_no_room_leaves_nothing() {
    let (disk, site) = (SmallDisk::mount(), Standalone::prepared());
    site.unit.start();
    let load = Load::start(&site.unit.url(), CLIENTS);
    load.more(20).await;
    std::fs::write(disk.path().join("ballast"), vec![0; (6 << 20) - 16_384]).unwrap();
    let to = disk.path().join("backup").display().to_string();
    let backup = || tokio::task::block_in_place(|| site.unit.command(&["backup", &to]));
    let output = backup();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("full"), "{said}");
    let left: Vec<_> =
        std::fs::read_dir(disk.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["ballast"]);
    std::fs::remove_file(disk.path().join("ballast")).unwrap();
    let output = backup();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    site.balance_of(&load.stop().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_that_is_taken_away_is_noticed() {
    let unit = Unit::new("standalone", []);
    unit.start();
    unit.ready().await;
    let movie = serde_json::json!({ "title": "Solaris", "description": "" });
    let add = || Answer::of(unit.api().request(Method::POST, "/api/movies").json(&movie));
    let data = unit.folder().join("code-keeper-data");
    add().await.expect(201);
    let aside = unit.folder().join("aside");
    std::fs::rename(&data, &aside).unwrap();
    for _ in 0..2 {
        add().await.expect(503);
        eventually("both files are missed", PATIENCE, async || {
            let ready = unit.management().get("/health/ready").await.expect(200);
            let missed = |file: &str| ready.body.contains(&format!("code-keeper-data/{file}"));
            (missed("inventory.db") && missed("billing.db")).then_some(())
        })
        .await;
        // Nor is another directory there the one that was opened.
        let _ = std::fs::create_dir(&data);
    }
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), 0, "nothing is made in its place");
    std::fs::remove_dir(&data).unwrap();
    std::fs::rename(&aside, &data).unwrap();
    unit.ready().await;
    add().await.expect(201);
    // One file of the two, and another in its place.
    std::fs::copy(data.join("billing.db"), data.join("copy")).unwrap();
    std::fs::rename(data.join("copy"), data.join("billing.db")).unwrap();
    eventually("the other file is missed", PATIENCE, async || {
        let body = unit.management().get("/health/ready").await.expect(200).body;
        (!body.contains("inventory.db") && body.contains("billing.db")).then_some(())
    })
    .await;
    let order = serde_json::json!({ "user_id": "1", "number_of_items": "1", "total_amount": "1" });
    let order = unit.api().request(Method::POST, "/api/billing").json(&order);
    Answer::of(order).await.expect(503);
    add().await.expect(201);
}
