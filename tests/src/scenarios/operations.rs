//! What operators see: health, metrics, logs, subcommands, settings.

#![allow(clippy::unused_async, reason = "scenarios have one signature")]

use std::process::Output;

use serde_json::Value;

use super::protocol::refused;
use super::{metric, unique};
use crate::harness::{Stack, Unit};

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

pub async fn metrics_have_the_names_that_dashboards_rest_on(stack: &Stack) {
    super::orders::an_order_is_read_back_as_recorded(stack).await;
    stack.api().get("/api/movies?limit=1").await.expect(200);
    let common = [
        "http_requests_total",
        "http_request_duration_seconds_count",
        "log_lines_dropped_total",
        "dependency_up",
        "http_connections",
        "http_in_flight",
        "build_info",
    ];
    let intake = ["orders_accepted_total", "orders_refused_total"];
    let processing = [
        "orders_recorded_total",
        "orders_dead_lettered_total",
        "orders_recorded_late_total",
        "order_queue_to_ledger_seconds_count",
        "billing_queue_depth",
        "billing_dead_letters",
    ];
    let pool = ["db_pool_connections"];
    for unit in stack.units() {
        let names = match unit.name() {
            "gateway" => [&common[..], &intake].concat(),
            "inventory" => [&common[..], &pool].concat(),
            "billing" => [&common[..], &processing, &pool].concat(),
            _ => [&common[..], &intake, &processing, &pool].concat(),
        };
        let text = unit.management().get("/metrics").await.expect(200).body;
        for name in names {
            let there = text
                .lines()
                .any(|line| line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} ")));
            assert!(there, "{} has no {name}", unit.name());
        }
        assert_eq!(metric(&text, "build_info", &[("unit", unit.name())]), Some(1.0), "{text}");
    }
    let front = stack.front().management().get("/metrics").await.expect(200).body;
    let lists = [("method", "GET"), ("status", "200"), ("route", "/api/movies")];
    assert!(metric(&front, "http_requests_total", &lists) >= Some(1.0), "{front}");
    assert!(metric(&front, "orders_accepted_total", &[]) >= Some(1.0));
    // Labels are patterns: no id that was asked for is among them.
    stack.api().get("/api/movies/123456789").await.expect(404);
    let front = stack.front().management().get("/metrics").await.expect(200).body;
    assert!(!front.contains("123456789"), "{front}");
    let recorder = stack.recorder().management().get("/metrics").await.expect(200).body;
    assert!(
        metric(&recorder, "orders_recorded_total", &[("outcome", "recorded")]) >= Some(1.0),
        "{recorder}"
    );
}

pub async fn health_is_told_on_the_management_port_only(stack: &Stack) {
    for unit in stack.units() {
        for path in ["/health/live", "/health/ready"] {
            unit.management().get(path).await.expect(200);
            refused(&unit.api().get(path).await, 404, "not_found", None);
        }
        refused(&unit.api().get("/metrics").await, 404, "not_found", None);
    }
}

pub async fn what_units_ask_of_each_other_is_not_for_clients(stack: &Stack) {
    refused(&stack.api().get("/internal/movies?ids=1").await, 404, "not_found", None);
}

pub async fn every_request_is_one_line_of_json(stack: &Stack) {
    let id = unique("line");
    let request =
        stack.api().request(reqwest::Method::GET, "/api/movies?limit=1").header("X-Request-Id", &id);
    let _ = crate::harness::Answer::of(request).await.expect(200);
    for unit in stack.units() {
        let log = unit.log();
        for line in log.lines() {
            let line: Value =
                serde_json::from_str(line).unwrap_or_else(|_| panic!("{}: {line}", unit.name()));
            assert!(line["level"].is_string() && line["timestamp"].is_string(), "{line}");
            let request = line["message"] == "request";
            assert!(!request || line["client"] == "127.0.0.1", "{line}");
        }
        let lines = log.lines().filter(|line| line.contains(&id)).count();
        let expected = usize::from(unit.name() != "billing");
        assert_eq!(lines, expected, "{}: {log}", unit.name());
    }
}

pub async fn versions_settings_and_documents_are_printed(stack: &Stack) {
    for unit in stack.units() {
        let name = unit.name();
        let version = unit.command(&["--version"]);
        let words: Vec<_> = printed(&version).split_whitespace().map(str::to_owned).collect();
        assert_eq!(words, [name, env!("CARGO_PKG_VERSION")]);
        let settings = unit.command(&["config"]);
        let text = printed(&settings);
        assert!(settings.status.success(), "{text}");
        let port = unit.port().to_string();
        assert!(text.contains(&port), "{text}");
        let document = unit.command(&["openapi"]);
        assert!(document.status.success(), "{}", printed(&document));
        let document: Value = serde_json::from_slice(&document.stdout).expect("it is JSON");
        assert!(document["paths"].is_object(), "{name}");
    }
}

type Wrong = (&'static str, &'static str, &'static str);

/// Variables, values that cannot be used, and a part of what is said then.
const WRONG: &[Wrong] = &[
    ("KEEPER_HTTP__PORRT", "1", "porrt"),
    ("KEEPER_HTPP__PORT", "1", "htpp"),
    ("KEEPER_HTTP__PORT", "many", "port"),
    ("KEEPER_HTTP__PORT", "70000", "port"),
    ("KEEPER_HTTP__ADDRESS", "nowhere", "address"),
    ("KEEPER_LOG__FORMAT", "xml", "format"),
    ("KEEPER_LOG__LEVEL", "loud", "log.level"),
];
const WRONG_BROKER: &[Wrong] = &[
    ("KEEPER_BROKER__HOST", "", "must not be empty"),
    ("KEEPER_BROKER__HOST", "amqps://u:s3cret@h", "broker.host (default"),
    ("KEEPER_BROKER__HEARTBEAT_S", "0", "must be at least 1"),
    ("KEEPER_BROKER__PASSWORD_FILE", "/nowhere/password", "broker.password_file"),
];
const WRONG_CONSUMER: &[Wrong] = &[
    ("KEEPER_BROKER__PREFETCH", "0", "must be at least 1"),
    ("KEEPER_BROKER__UNIDENTIFIED", "drop", "broker.unidentified"),
];
/// The gateway consumes nothing.
const WRONG_PUBLISHER: &[Wrong] = &[("KEEPER_BROKER__PREFETCH", "9", "unknown setting broker.prefetch")];
const WRONG_DATABASE: &[Wrong] = &[
    ("KEEPER_DATABASE__HOST", "postgres://u:s3cret@h", "must be a name or an address only"),
    ("KEEPER_DATABASE__NAME", "postgres://u:s3cret@h/db", "holds a user or a password"),
    ("KEEPER_DATABASE__MAX_CONNECTIONS", "0", "max_connections"),
    ("KEEPER_DATABASE__ACQUIRE_TIMEOUT_MS", "0", "must be at least 1"),
    ("KEEPER_DATABASE__STATEMENT_TIMEOUT_MS", "4294967295", "must be at most 2147483647"),
    ("KEEPER_DATABASE__PASSWORD_FILE", "/nowhere/password", "database.password_file"),
    ("KEEPER_DATABASE__TLS_CA", "/dev/null", "holds no pem certificate"),
];
const WRONG_SERVICES: &[Wrong] = &[
    ("KEEPER_INVENTORY__URL", "ftp://inventory", "must be an address such as http://"),
    ("KEEPER_BILLING__URL", "billing:8081", "must be an address such as http://"),
    ("KEEPER_BILLING__URL", "http://u:s3cret@billing", "billing.url"),
    ("KEEPER_BILLING__TIMEOUT_MS", "0", "billing.timeout_ms"),
];
const WRONG_STORAGE: &[Wrong] = &[
    ("KEEPER_STORAGE__DIRECTORY", "", "must not be empty"),
    ("KEEPER_STORAGE__DIRECTORY", "/dev/null/data", "/dev/null is not a directory"),
    ("KEEPER_STORAGE__DIRECTORY", "sqlite://u:s3cret@h", "storage.directory"),
];

pub async fn settings_that_are_wrong_name_the_key_and_its_source(stack: &Stack) {
    for unit in stack.units() {
        let own = match unit.name() {
            "gateway" => [WRONG_BROKER, WRONG_PUBLISHER, WRONG_SERVICES].concat(),
            "inventory" => WRONG_DATABASE.to_vec(),
            "billing" => [WRONG_BROKER, WRONG_CONSUMER, WRONG_DATABASE].concat(),
            _ => WRONG_STORAGE.to_vec(),
        };
        for &(key, value, says) in WRONG.iter().chain(&own) {
            let wrong = Unit::new(unit.name(), unit.settings()).with(key, value);
            let output = wrong.command(&["config"]);
            let text = printed(&output);
            assert_eq!(output.status.code(), Some(2), "{key}={value}: {text}");
            assert!(text.to_lowercase().contains(says) && !text.contains("s3cret"), "{key}={value}: {text}");
            assert!(text.contains("KEEPER_") || text.to_lowercase().contains("environment"), "{text}");
            assert!(text.trim().lines().count() <= 3 && !text.contains("panicked"), "{text}");
            wrong.start();
            assert_eq!((wrong.ended().code(), wrong.log()), (Some(2), text), "{key}={value}");
        }
        let wrong = Unit::new(unit.name(), unit.settings());
        std::fs::write(wrong.folder().join("keeper.toml"), "[http]\ncolour = \"red\"\n")
            .expect("it can be written");
        let output = wrong.command(&["config"]);
        let text = printed(&output);
        assert!(
            !output.status.success() && text.contains("colour") && text.contains("keeper.toml"),
            "{text}"
        );
        let lost = Unit::new(unit.name(), unit.settings()).with("KEEPER_CONFIG", "nowhere.toml");
        let output = lost.command(&["config"]);
        let text = printed(&output);
        assert!(!output.status.success() && text.contains("nowhere.toml"), "{text}");
        // The file is below the environment, and above the defaults.
        let filed = Unit::new(unit.name(), unit.settings()).with("KEEPER_CONFIG", "other.toml");
        let file = "[http]\nport = 1\n[log]\nlevel = \"warn\"\n";
        std::fs::write(filed.folder().join("other.toml"), file).expect("it can be written");
        let text = printed(&filed.command(&["config"]));
        let port = filed.port().to_string();
        assert!(text.contains("warn") && text.contains(&port), "{text}");
    }
}

pub async fn healthcheck_says_how_the_unit_is(stack: &Stack) {
    for unit in stack.units() {
        let output = unit.command(&["healthcheck"]);
        assert_eq!(output.status.code(), Some(0), "{}: {}", unit.name(), printed(&output));
        unit.kill();
        let output = unit.command(&["healthcheck"]);
        assert!(output.status.code().is_some_and(|code| code != 0), "{}: {}", unit.name(), printed(&output));
    }
}

pub async fn doctor_finds_nothing_wrong_with_a_stack_that_runs(stack: &Stack) {
    for unit in stack.units() {
        let output = unit.command(&["doctor"]);
        let text = printed(&output);
        assert_eq!(output.status.code(), Some(0), "{}: {text}", unit.name());
        assert!(text.contains("in use by the unit that runs now"), "{text}");
        assert!(!text.contains("wrong"), "{text}");
    }
}

pub async fn no_secret_is_in_a_log(stack: &Stack) {
    super::orders::an_order_is_read_back_as_recorded(stack).await;
    let backing = stack.backing();
    let secrets = [backing.inventory.password.clone(), backing.vhost.password.clone()];
    for unit in stack.units() {
        let settings = printed(&unit.command(&["config"]));
        for secret in &secrets {
            assert!(!unit.log().contains(secret), "{} logs a password", unit.name());
            assert!(!settings.contains(secret), "{} config prints a password", unit.name());
        }
    }
}
