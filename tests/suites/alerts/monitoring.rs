use std::time::{Duration, Instant};

use keeper_tests::harness::{Answer, Api, Directory, Launch, Process, Stack, eventually, free_port};
use reqwest::Method;
use serde_json::{Value, json};

use super::pager::Pager;
use super::shorter::{shorter, with_shorter_windows};

/// The rules as Prometheus of `compose.yaml` reads them: those that are generated from the objectives, and the causes.
const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../kustomize/compose/rules.yaml");
const PATIENCE: Duration = Duration::from_mins(1);
/// How often the monitoring in Kubernetes asks a pod.
const SCRAPE: Duration = Duration::from_secs(30);

/// Prometheus and Alertmanager that watch a stack with the committed rules, of which the windows are shorter.
#[derive(Debug)]
pub(super) struct Monitoring {
    pub(super) pager: Pager,
    prometheus: Api,
    processes: [Process; 2],
    // Last: removed after they have ended.
    directory: Directory,
}

impl Monitoring {
    /// Starts both, and waits until the objectives of the stack are measured: it must have traffic.
    pub(super) async fn of(stack: &Stack) -> Self {
        let (directory, pager) = (Directory::new(), Pager::start());
        let (prometheus, alertmanager) = (free_port(), free_port());
        // JSON is YAML.
        directory.write("prometheus.yaml", &watching(stack, alertmanager).to_string());
        directory.write("alertmanager.yaml", &calling(pager.url()).to_string());
        // A series that ends without a word is there for as long as five minutes.
        let lookback = format!("--query.lookback-delta={}s", shorter(Duration::from_mins(5)).as_secs());
        let of_prometheus = ["--storage.tsdb.path=series", "--rules.alert.resend-delay=2s", &lookback];
        let of_alertmanager = ["--storage.path=alerts", "--cluster.listen-address="];
        let processes = [
            started("prometheus-alertmanager", "alertmanager", alertmanager, &of_alertmanager, &directory),
            started("prometheus", "prometheus", prometheus, &of_prometheus, &directory),
        ];
        let api = |port: u16| Api::new(format!("http://127.0.0.1:{port}"));
        for api in [api(alertmanager), api(prometheus)] {
            eventually("Prometheus and Alertmanager are ready", PATIENCE, async || {
                let answer = Answer::try_of(api.request(Method::GET, "/-/ready")).await;
                answer.is_ok_and(|answer| answer.status == 200).then_some(())
            })
            .await;
        }
        let monitoring = Self { pager, prometheus: api(prometheus), processes, directory };
        // It asks nobody in its first five seconds, which are five minutes: for rules, all units would be down.
        monitoring.counts("up == 1", 3).await;
        let rules = std::fs::read_to_string(RULES).unwrap();
        monitoring.directory.write("rules.yaml", &with_shorter_windows(&rules));
        monitoring.processes[1].signal("HUP");
        monitoring.counts("slo:sli_error:ratio_rate5m", 4).await;
        monitoring
    }

    /// Waits until nothing has fired for so long, and forgets what did before: a machine that starts servers serves slowly.
    pub(super) async fn calls_nobody_for(&self, span: Duration) {
        let (start, mut since) = (Instant::now(), Instant::now());
        while since.elapsed() < span {
            if !self.alerts().await.is_empty() || !self.pager.firing().is_empty() {
                since = Instant::now();
            }
            assert!(start.elapsed() < PATIENCE * 5, "nothing is broken yet\n{}", self.pager.told());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.pager.forget();
    }

    /// The alerts that fire, and those that are about to.
    pub(super) async fn alerts(&self) -> Vec<Value> {
        let answer = self.prometheus.get("/api/v1/alerts").await.expect(200).json();
        answer["data"]["alerts"].as_array().unwrap().clone()
    }

    /// Waits until so many series are measured.
    async fn counts(&self, series: &str, number: usize) {
        let query = [("query", series)];
        eventually(&format!("{series} of {number}"), PATIENCE, async || {
            let request = self.prometheus.request(Method::GET, "/api/v1/query").query(&query);
            let answer = Answer::of(request).await.expect(200).json();
            (answer["data"]["result"].as_array()?.len() == number).then_some(())
        })
        .await;
    }
}

/// Starts a program that reads its configuration, `<name>.yaml`, in the folder.
fn started(program: &str, name: &str, port: u16, arguments: &[&str], folder: &Directory) -> Process {
    let own = [format!("--config.file={name}.yaml"), format!("--web.listen-address=127.0.0.1:{port}")];
    Process::start(&Launch {
        program: program.into(),
        arguments: own.into_iter().chain(arguments.iter().map(|&argument| argument.to_owned())).collect(),
        variables: Vec::new(),
        folder: folder.path().to_owned(),
        name: name.to_owned(),
        user: None,
        end: "KILL",
    })
}

/// Prometheus' configuration: the units are asked as pods are, and each job has the unit's name.
fn watching(stack: &Stack, alertmanager: u16) -> Value {
    let interval = format!("{}ms", shorter(SCRAPE).as_millis());
    let job =
        |name: &str, address: &str| json!({"job_name": name, "static_configs": [{"targets": [address]}]});
    let jobs: Vec<_> = stack
        .units()
        .iter()
        .map(|unit| job(unit.name(), unit.management().base().trim_start_matches("http://")))
        .collect();
    json!({
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": ["rules.yaml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [format!("127.0.0.1:{alertmanager}")]}]}]},
        "scrape_configs": jobs,
    })
}

/// Alertmanager's configuration: each alert calls by itself and at once, and says when it is over.
fn calling(url: &str) -> Value {
    json!({
        "route": {
            "receiver": "pager", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h",
        },
        "receivers": [{"name": "pager", "webhook_configs": [{"url": url, "send_resolved": true}]}],
    })
}
