use std::fs::File;
use std::io::Read;
use std::process::Command;
use std::sync::mpsc;
use std::time::Instant;

use futures_util::future::join_all;
use keeper_tests::harness::{Answer, Unit, eventually};
use reqwest::Method;

use super::client::{PATIENCE, metric};

/// Standalone, whose standard error is a pipe that nobody reads yet.
async fn unread(format: &str) -> (Unit, File) {
    let unit = Unit::new("standalone", []).with("KEEPER_LOG__FORMAT", format);
    let pipe = unit.folder().join("standalone.err");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("it runs").success());
    // Open for writing too, it waits for no writer.
    let reader = File::options().read(true).write(true).open(&pipe).expect("it is there");
    unit.start();
    unit.ready().await;
    (unit, reader)
}

async fn requests(unit: &Unit, number: usize) {
    for _ in 0..number / 50 {
        let answers =
            join_all((0..50).map(async |_| unit.api().get("/api/movies?limit=1").await.status)).await;
        assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
    }
}

async fn dropped(unit: &Unit) -> f64 {
    metric(unit, "log_lines_dropped_total").await.expect("it is there")
}

/// Each line that is read from now on.
fn read_on(mut reader: File) -> mpsc::Receiver<String> {
    let (found, lines) = mpsc::channel();
    std::thread::spawn(move || {
        let mut piece = vec![0; 65_536];
        while let Ok(read) = reader.read(&mut piece) {
            if found.send(String::from_utf8_lossy(&piece[..read]).into_owned()).is_err() {
                return;
            }
        }
    });
    lines
}

async fn goes_on(format: &str) {
    let (unit, reader) = unread(format).await;
    requests(&unit, 2_000).await;
    // As many as wait without loss, and more.
    requests(&unit, 5_000).await;
    let lost = dropped(&unit).await;
    assert!((1.0..7_000.0).contains(&lost), "{lost}");
    // When somebody reads again, nothing more is lost.
    let lines = read_on(reader);
    let mut log = String::new();
    eventually("its lines come again", PATIENCE, async || {
        let request = unit.api().request(Method::GET, "/api/movies").header("X-Request-Id", "read-again");
        assert_eq!(Answer::of(request).await.status, 200);
        log.extend(lines.try_iter());
        log.contains("read-again").then_some(())
    })
    .await;
    let lost = dropped(&unit).await;
    requests(&unit, 500).await;
    assert!((dropped(&unit).await - lost).abs() < 0.5);
    assert_eq!(unit.terminate().code(), Some(0));
    log.extend(lines.try_iter());
    assert!(log.contains("SIGTERM: stopping"), "the last lines are not written");
}

#[tokio::test]
async fn a_reader_of_its_log_that_stalls_stops_nothing() {
    goes_on("json").await;
}

#[tokio::test]
async fn a_reader_of_its_text_that_stalls_stops_nothing() {
    goes_on("text").await;
}

#[tokio::test]
async fn it_ends_although_nobody_reads_its_log() {
    let (unit, _reader) = unread("json").await;
    requests(&unit, 7_000).await;
    let begin = Instant::now();
    assert_eq!(unit.terminate().code(), Some(0));
    assert!(begin.elapsed().as_secs() < 10, "{:?}", begin.elapsed());
}
