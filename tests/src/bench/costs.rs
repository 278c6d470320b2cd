//! What callers that are known, limits and traces cost: the processor time of a call, on `standalone`.
//!
//! All variants run at the same time and are loaded in turn, round after round, so that what else the machine does meets
//! them all. The cost of a variant is the median of its rounds.

use std::time::Duration;

use keeper_tests::harness::{Collector, TokenIssuer, Unit};
use keeper_tests::scenarios::access;
use serde_json::json;

use crate::load::Load;

const MOVIES: u64 = 200;

/// A way to run the unit.
struct Variant {
    name: &'static str,
    unit: Unit,
    /// What each request says of its caller, as a header.
    credentials: Option<String>,
    /// The processor time of a call in each round, by kind of call.
    rounds: [Vec<Duration>; 2],
}

/// The calls that are measured, as load.lua names them.
const CALLS: [&str; 2] = ["read", "order"];

/// Measures and prints a table.
pub(crate) async fn measure(load: &Load, rounds: u64) {
    let issuer = TokenIssuer::new();
    issuer.add_key("bench");
    issuer.start().await;
    let collector = Collector::start();
    let mut variants = variants(&issuer, &collector).await;
    for _ in 0..rounds {
        for variant in &mut variants {
            variant.round(load);
        }
    }
    report(&variants);
}

async fn variants(issuer: &TokenIssuer, collector: &Collector) -> Vec<Variant> {
    let unit = |settings: &[(&str, &str)]| {
        settings.iter().fold(Unit::new("standalone", []), |unit, (key, value)| unit.with(key, value))
    };
    let limited = [
        ("KEEPER_LIMITS__ENABLED", "true"),
        ("KEEPER_LIMITS__READS__REQUESTS", "1000000"),
        ("KEEPER_LIMITS__READS__WINDOW_S", "1"),
        ("KEEPER_LIMITS__READS__BURST", "1000000"),
        ("KEEPER_LIMITS__WRITES__REQUESTS", "1000000"),
        ("KEEPER_LIMITS__WRITES__WINDOW_S", "1"),
        ("KEEPER_LIMITS__WRITES__BURST", "1000000"),
        ("KEEPER_LIMITS__ORDERS__REQUESTS", "1000000"),
        ("KEEPER_LIMITS__ORDERS__WINDOW_S", "1"),
        ("KEEPER_LIMITS__ORDERS__BURST", "1000000"),
    ];
    let required = ("KEEPER_AUTH__MODE", "required");
    let keyed = unit(&[required, ("KEEPER_AUTH__KEYS_FILE", "keys.toml")]);
    let key = access::key(&keyed, "bench", "movies:write,orders:write,orders:any");
    let url = issuer.url();
    let trusting =
        unit(&[required, ("KEEPER_AUTH__JWT__ISSUER", &url), ("KEEPER_AUTH__JWT__AUDIENCE", "bench")]);
    let claims = json!({
        "iss": url, "aud": "bench", "sub": "bench", "exp": 4_102_444_800_u64, "scope": "movies:write orders:write orders:any",
    });
    let token = issuer.token("bench", &claims);
    let to = collector.url();
    let traced =
        |ratio| unit(&[("KEEPER_TELEMETRY__OTLP_ENDPOINT", &to), ("KEEPER_TELEMETRY__SAMPLE_RATIO", ratio)]);
    let variants = [
        ("open", unit(&[]), None),
        ("limits", unit(&limited), None),
        ("API key", keyed, Some(format!("Bearer {key}"))),
        ("token (JWT)", trusting, Some(format!("Bearer {token}"))),
        ("traces, 1 %", traced("0.01"), None),
        ("traces, 100 %", traced("1"), None),
    ];
    let mut started = Vec::new();
    for (name, unit, credentials) in variants {
        unit.start();
        unit.ready().await;
        let variant = Variant { name, unit, credentials, rounds: Default::default() };
        variant.seed().await;
        started.push(variant);
    }
    started
}

impl Variant {
    async fn seed(&self) {
        let api = self.unit.api();
        for number in 0..MOVIES {
            let movie =
                json!({"title": format!("Movie {number}"), "description": "What it is about. ".repeat(10)});
            let request = api.request(reqwest::Method::POST, "/api/movies").json(&movie);
            let request = match &self.credentials {
                Some(credentials) => request.header("Authorization", credentials),
                None => request,
            };
            keeper_tests::harness::Answer::of(request).await.expect(201);
        }
    }

    fn round(&mut self, load: &Load) {
        for (call, costs) in CALLS.iter().zip(&mut self.rounds) {
            let taken = || self.unit.processor_time().expect("the unit runs");
            let before = taken();
            let figures = load.wrk_as(&self.unit.url(), call, MOVIES, self.credentials.as_deref());
            assert_eq!(figures.failures, 0, "{}: {call}", self.name);
            let requests = u32::try_from(figures.requests).expect("a round has fewer");
            costs.push(taken().saturating_sub(before) / requests.max(1));
        }
    }
}

fn report(variants: &[Variant]) {
    let median = |rounds: &Vec<Duration>| {
        let mut sorted = rounds.clone();
        sorted.sort_unstable();
        sorted[sorted.len() / 2].as_secs_f64() * 1e6
    };
    println!(
        "Processor time of a call on standalone, in microseconds; medians of {} rounds in turn.\n",
        variants[0].rounds[0].len()
    );
    println!("| {:<14} | a movie by id | to open | an order | to open |", "");
    println!("|{}|--------------:|--------:|---------:|--------:|", "-".repeat(16));
    let open = [median(&variants[0].rounds[0]), median(&variants[0].rounds[1])];
    for variant in variants {
        let [read, order] = [median(&variant.rounds[0]), median(&variant.rounds[1])];
        let (more_read, more_order) = ((read / open[0] - 1.0) * 100.0, (order / open[1] - 1.0) * 100.0);
        println!(
            "| {:<14} | {read:>13.1} | {more_read:>+5.1} % | {order:>8.1} | {more_order:>+5.1} % |",
            variant.name
        );
    }
}
