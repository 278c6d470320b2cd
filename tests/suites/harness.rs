//! The harness itself: its servers start, stop and start again, and nothing of them is left behind.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use keeper_tests::harness::{
    Postgres, PostgresOptions, RabbitMq, SmallDisk, assert_no_secret_in, keep_secret, until,
};

#[test]
fn postgres_keeps_what_was_committed_through_a_kill() {
    let server = Postgres::start(PostgresOptions::default());
    let database = server.database();
    server.psql(&database.name, "CREATE TABLE t (n int); INSERT INTO t VALUES (7)");
    server.kill();
    server.start_again();
    assert_eq!(server.psql(&database.name, "SELECT n FROM t"), "7");
    server.stop();
    server.start_again();
    server.stop_immediately();
    server.start_again();
    assert_eq!(server.psql(&database.name, "SELECT n FROM t"), "7");
}

#[test]
fn postgres_offers_tls() {
    let server = Postgres::start(PostgresOptions { tls: true, fsync: false });
    assert_eq!(server.psql("postgres", "SHOW ssl"), "on");
    assert!(server.ca().is_some_and(Path::is_file));
}

#[test]
fn rabbitmq_stops_starts_and_raises_alarms() {
    let node = RabbitMq::start();
    let (one, other) = (node.vhost(), node.vhost());
    assert_ne!(one.name, other.name);
    node.raise_disk_alarm();
    node.clear_disk_alarm();
    node.stop_app();
    node.start_app();
    node.kill();
    let start = Instant::now();
    node.start_again();
    assert!(start.elapsed() < Duration::from_mins(1));
    assert_eq!(node.depth(&one, "billing_queue"), None);
}

#[test]
fn nothing_is_left_behind_by_a_kill_of_the_test() {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "victim", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines().map_while(Result::ok);
    let left: Vec<_> =
        lines.filter_map(|line| line.strip_prefix("left: ").map(str::to_owned)).take(5).collect();
    assert_eq!(left.len(), 5);
    assert!(left.iter().all(|path| Path::new(path).exists()), "{left:?}");
    victim.kill().unwrap();
    victim.wait().unwrap();
    for path in left {
        until(&format!("{path} goes away"), Duration::from_secs(20), || {
            (!Path::new(&path).exists()).then_some(())
        });
    }
}

/// Starts servers and mounts a disk, says which folders and processes there are, and waits to be killed.
#[test]
#[ignore = "killed by the test above"]
fn victim() {
    let (server, node) = (Postgres::shared(), RabbitMq::shared());
    let disk = SmallDisk::mount();
    println!("left: {}", disk.path().display());
    for (folder, id) in [(server.folder(), server.id()), (node.folder(), node.id())] {
        println!("left: {}\nleft: /proc/{id}", folder.display());
    }
    std::io::stdout().flush().unwrap();
    #[expect(clippy::disallowed_methods, reason = "no runtime is here")]
    std::thread::sleep(Duration::from_mins(1));
}

#[test]
fn a_secret_that_is_said_is_found_and_not_repeated() {
    let secret = keeper_tests::harness::random_text(20);
    let told = format!("first line\na line with {secret} in it");
    assert_no_secret_in(&told, "a log");
    keep_secret(&secret);
    assert_no_secret_in("first line", "a log");
    let panic = std::panic::catch_unwind(|| assert_no_secret_in(&told, "a log")).unwrap_err();
    let said = panic.downcast_ref::<String>().unwrap();
    assert_eq!(said, "a log has a secret in line 2: a line with …");
}
