use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use keeper_tests::harness::{Database, Directory, run};

/// What a load generator saw.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures {
    /// Requests, or statements, per second.
    pub(crate) rate: f64,
    /// The median latency, in microseconds.
    pub(crate) p50: Option<u64>,
    /// The latency that 99 % do not exceed, in microseconds.
    pub(crate) p99: Option<u64>,
    /// Answers.
    pub(crate) requests: u64,
    /// Requests that failed.
    pub(crate) failures: u64,
}

impl Figures {
    /// What was taken in all, in microseconds for a call.
    pub(crate) fn for_a_call(&self, taken: Duration) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a benchmark has fewer requests")]
        let requests = self.requests.max(1) as f64;
        taken.as_secs_f64() * 1e6 / requests
    }
}

/// How the load is made: on 2 threads, closed loop. pgbench has 32 clients.
#[derive(Debug)]
pub(crate) struct Load {
    /// How long each figure is measured.
    pub(crate) seconds: u64,
    /// How many connections wrk has.
    pub(crate) connections: u64,
    /// The folder of pgbench.
    pub(crate) programs: PathBuf,
}

impl Load {
    /// Sends one kind of request with wrk.
    pub(crate) fn wrk(&self, url: &str, kind: &str, movies: u64) -> Figures {
        // Connections and caches are warm when it counts; orders are counted from the first.
        if kind != "order" {
            Self { seconds: 1, connections: self.connections, programs: self.programs.clone() }
                .wrk_as(url, kind, movies, None);
        }
        self.wrk_as(url, kind, movies, None)
    }

    /// Sends one kind of request with wrk, each with these credentials, and nothing before.
    pub(crate) fn wrk_as(&self, url: &str, kind: &str, movies: u64, credentials: Option<&str>) -> Figures {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/load.lua");
        let mut wrk = Command::new("wrk");
        wrk.args([
            "-t2",
            &format!("-c{}", self.connections),
            &format!("-d{}s", self.seconds),
            "--timeout",
            "30s",
            "-s",
        ])
        .arg(&script);
        if let Some(credentials) = credentials {
            wrk.args(["-H", &format!("Authorization: {credentials}")]);
        }
        let said = run(wrk.args([url, "--", kind, &movies.to_string()]));
        let line = said.lines().find_map(|line| line.strip_prefix("RESULT "));
        let words = line.unwrap_or_else(|| panic!("wrk: {said}")).split(' ');
        let numbers: Vec<u64> = words.map(|word| word.parse().expect("load.lua prints numbers")).collect();
        #[expect(clippy::cast_precision_loss, reason = "a benchmark has fewer requests and microseconds")]
        let rate = numbers[0] as f64 / (numbers[1] as f64 / 1e6);
        Figures {
            rate,
            p50: Some(numbers[2]),
            p99: Some(numbers[3]),
            requests: numbers[0],
            failures: numbers[4],
        }
    }

    /// Runs a script with pgbench.
    pub(crate) fn pgbench(&self, database: &Database, protocol: &str, script: &str) -> Figures {
        let folder = Directory::new();
        let file = folder.write("script.sql", script);
        let mut pgbench = Command::new(self.programs.join("pgbench"));
        pgbench
            .args(["-n", "-c", "32", "-j", "2", "-M", protocol, "-T", &self.seconds.to_string(), "-f"])
            .arg(&file);
        pgbench.args([
            "--log",
            "--log-prefix",
            "latency",
            "-h",
            &database.host,
            "-p",
            &database.port.to_string(),
        ]);
        pgbench.args(["-U", &database.user, &database.name]).env("PGPASSWORD", &database.password);
        let said = run(pgbench.current_dir(folder.path()));
        let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        let mut latencies: Vec<u64> = std::fs::read_dir(folder.path())
            .expect("it is there")
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("latency"))
            .flat_map(|entry| {
                let log = std::fs::read_to_string(entry.path()).unwrap_or_default();
                log.lines().filter_map(|line| line.split(' ').nth(2)?.parse().ok()).collect::<Vec<_>>()
            })
            .collect();
        latencies.sort_unstable();
        let percentile = |percent: usize| latencies.get(latencies.len() * percent / 100).copied();
        Figures {
            rate: rate.unwrap_or_else(|| panic!("pgbench: {said}")),
            p50: percentile(50),
            p99: percentile(99),
            requests: latencies.len() as u64,
            failures: 0,
        }
    }
}
