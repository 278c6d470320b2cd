use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::expected::Alert;

/// Whom Alertmanager calls: it takes notifications as a webhook does, and remembers them.
#[derive(Debug, Clone)]
pub(super) struct Pager {
    url: String,
    calls: Arc<Mutex<Calls>>,
}

#[derive(Debug, Default)]
struct Calls {
    /// The latest of each alert, by its labels: it fires, or is resolved.
    latest: BTreeMap<String, (Alert, bool)>,
    /// All of them, for who reads why a test failed.
    told: Vec<String>,
}

impl Pager {
    /// Listens on a port of its own.
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let pager = Self { url, calls: Arc::default() };
        let called = pager.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let called = called.clone();
                thread::spawn(move || called.serve(stream));
            }
        });
        pager
    }

    /// Where it listens.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The alerts that have called so far, whether they still fire or not.
    pub(super) fn called(&self) -> BTreeSet<Alert> {
        self.with(|calls| calls.latest.values().map(|(alert, _)| alert.clone()).collect())
    }

    /// Forgets what has called.
    pub(super) fn forget(&self) {
        *self.calls.lock().unwrap_or_else(PoisonError::into_inner) = Calls::default();
    }

    /// The alerts that fire.
    pub(super) fn firing(&self) -> BTreeSet<Alert> {
        let firing = |calls: &Calls| {
            calls.latest.values().filter(|(_, fires)| *fires).map(|(alert, _)| alert.clone()).collect()
        };
        self.with(firing)
    }

    /// Waits until these alerts have called, if no others.
    pub(super) async fn calls_with(&self, due: &BTreeSet<Alert>, limit: Duration) {
        let start = Instant::now();
        while !self.called().is_superset(due) {
            assert!(start.elapsed() < limit, "of {due:#?} not all call\n{}", self.told());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// All that it was told, a line each.
    pub(super) fn told(&self) -> String {
        self.with(|calls| calls.told.join("\n"))
    }

    fn with<T>(&self, read: impl FnOnce(&Calls) -> T) -> T {
        read(&self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn serve(&self, mut stream: TcpStream) {
        while let Some(body) = body_of_request(&mut stream) {
            let notification: Value = serde_json::from_slice(&body).unwrap();
            for alert in notification["alerts"].as_array().unwrap() {
                self.note(alert);
            }
            if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").is_err() {
                return;
            }
        }
    }

    fn note(&self, alert: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let labels = &alert["labels"];
        let called = Alert { name: text(&labels["alertname"]), severity: text(&labels["severity"]) };
        let fires = alert["status"] == "firing";
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.told.push(format!("{} at {}: {labels}", alert["status"], alert["startsAt"]));
        calls.latest.insert(labels.to_string(), (called, fires));
    }
}

fn body_of_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap()];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}
