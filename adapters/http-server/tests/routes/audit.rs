//! What operators change, and what is written down of it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use keeper_domain::{Coverage, DeadLettersTaken};
use keeper_http_server::{movies, operations};
use keeper_ports::PortError;
use keeper_ports::billing::MockDeadLetterOperations;
use keeper_ports::inventory::MockMovieCatalog;
use rocket::http::Method::{Delete, Post};
use tracing_subscriber::filter::LevelFilter;

use crate::client::{client, send};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// The last audit line.
    fn last(&self) -> String {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().rfind(|line| line.contains(" audit: ")).unwrap_or_default().to_owned()
    }
}

/// Done, in part or not, or nobody knows: there is a line.
#[rocket::async_test]
async fn every_change_is_written_down_whatever_came_of_it() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::INFO)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _writing = tracing::subscriber::set_default(subscriber);
    let answers = |number: u32| match number {
        0 => Ok(3),
        1 => Err(PortError::timed_out("it", "slow")),
        _ => Err(PortError::unavailable("it", "gone")),
    };
    let taken = move |number| {
        answers(number).map(|count| DeadLettersTaken { count, coverage: Coverage::whole(count) })
    };
    let (mut catalog, mut letters) = (MockMovieCatalog::new(), MockDeadLetterOperations::new());
    let mut number = 0_u32..;
    catalog.expect_clear().returning(move || answers(number.next().unwrap()));
    let mut number = 0_u32..;
    letters.expect_replay().returning(move |_| taken(number.next().unwrap() % 3));
    let mut number = 0_u32..;
    letters.expect_discard().returning(move |_, _| taken(number.next().unwrap()));
    let client = client([movies(Arc::new(catalog)), operations(Arc::new(letters))]).await;
    let letter = "/api/operations/dead-letters/019a2f5e-7c1b-7d3a-9e4f-0123456789ab";
    for (method, path, body, action) in [
        (Delete, "/api/movies".to_owned(), "", "movies deleted"),
        (Post, "/api/operations/dead-letters/replay".to_owned(), "{}", "dead letters replayed"),
        (Post, format!("{letter}/replay"), "{}", "dead letters replayed"),
        (Delete, format!("{letter}?reason=a%20test"), "", "dead letter discarded"),
    ] {
        for (status, outcome, count) in [(200, "done", true), (504, "unknown", false), (503, "failed", false)]
        {
            assert_eq!(send(&client, method, &path, body).await.status, status, "{method} {path}");
            let line = lines.last();
            assert!(line.contains(&format!("action=\"{action}\" outcome=\"{outcome}\"")), "{path}: {line}");
            assert_eq!(line.contains("count=3"), count, "{path}: {line}");
        }
    }
}
