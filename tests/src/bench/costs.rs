//! What callers that are known, limits and traces cost: the processor time of a call, on `standalone`.
//!
//! All variants run at the same time and are loaded in turn, round after round, so that what else the machine does meets
//! them all. The cost of a variant is the median of its rounds.

use keeper_tests::harness::{Collector, TokenIssuer, Unit};
use keeper_tests::scenarios::access;
use serde_json::json;

use crate::load::Load;
use crate::report::median;

const MOVIES: u64 = 200;

/// A way to run the unit.
struct Variant {
    name: &'static str,
    unit: Unit,
    /// What each request says of its caller, as a header.
    credentials: Option<String>,
    /// How many per cent fewer calls a second it may have than `open`.
    most: u32,
    /// What each round showed, by kind of call.
    rounds: [Rounds; CALLS.len()],
}

/// Of each round: calls for each second, and the microseconds of processor time for a call.
#[derive(Debug, Default)]
struct Rounds {
    rate: Vec<f64>,
    processor: Vec<f64>,
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
        ("open", unit(&[]), None, 0),
        ("limits", unit(&limited), None, 3),
        ("API key", keyed, Some(format!("Bearer {key}")), 3),
        ("token (JWT)", trusting, Some(format!("Bearer {token}")), 8),
        ("traces, 1 %", traced("0.01"), None, 2),
        ("traces, 100 %", traced("1"), None, 8),
    ];
    let mut started = Vec::new();
    for (name, unit, credentials, most) in variants {
        unit.start();
        unit.ready().await;
        let variant = Variant { name, unit, credentials, most, rounds: Default::default() };
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
        for (call, rounds) in CALLS.iter().zip(&mut self.rounds) {
            let taken = || self.unit.processor_time().expect("the unit runs");
            let before = taken();
            let figures = load.wrk_as(&self.unit.url(), call, MOVIES, self.credentials.as_deref());
            assert_eq!(figures.failures, 0, "{}: {call}", self.name);
            rounds.processor.push(figures.for_a_call(taken().saturating_sub(before)));
            rounds.rate.push(figures.rate);
        }
    }
}

fn report(variants: &[Variant]) {
    println!(
        "On standalone: microseconds of processor time for a call, more of it than `open` takes, and calls a second less than with\n\
         `open`; medians of {} rounds in turn.\n",
        variants[0].rounds[0].rate.len()
    );
    println!("| {:<13} |  a movie by id             | an order                   | at most less |", "");
    println!("|{}|----------------------------|----------------------------|--------------|", "-".repeat(15));
    for variant in variants {
        let calls = variant.rounds.iter().zip(&variants[0].rounds).map(|(rounds, open)| {
            let (taken, rate) = (median(&rounds.processor), median(&rounds.rate));
            let more = (taken / median(&open.processor) - 1.0) * 100.0;
            let less = (1.0 - rate / median(&open.rate)) * 100.0;
            format!("{taken:>6.1} {more:>+6.1} %  {less:>+6.1} %")
        });
        let calls: Vec<_> = calls.collect();
        println!("| {:<13} | {:<26} | {:<26} | {:>10} % |", variant.name, calls[0], calls[1], variant.most);
    }
}
