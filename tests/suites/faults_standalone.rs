//! Faults of standalone: killed at any moment, and a disk that is full.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use keeper_tests::faults::{Load, Outcome, PATIENCE, Random, Standalone};
use keeper_tests::harness::{Answer, SmallDisk, Unit, eventually};
use reqwest::Method;
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
    sleep(Duration::from_secs(1)).await;
    assert_eq!(load.accepted(), refused, "nothing is accepted while the disk is full");
    std::fs::remove_file(&ballast).unwrap();
    load.more(50).await;
    let sent = load.stop().await;
    assert!(sent.iter().any(|order| order.outcome == Outcome::Refused(503)), "orders are refused");
    let account = site.balance_of(&sent).await;
    assert!(account.dead.is_empty(), "{account:?}");
    site.unit.kill();
    integrity(&path);
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
