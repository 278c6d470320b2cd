use std::time::{Duration, Instant};

use keeper_tests::harness::{Unit, eventually};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use super::client::{PATIENCE, Raw, Told, get, metric, standalone};

/// So many movies whose descriptions are this character 10,000 times.
async fn long_movies(unit: &Unit, number: usize, character: &str) {
    let description = character.repeat(10_000);
    for number in 0..number {
        let movie = json!({ "title": format!("Long {number}"), "description": description });
        assert_eq!(unit.api().post("/api/movies", &movie).await.status, 201);
    }
}

/// Clients that ask for a page and take nothing of it.
async fn readers_that_do_not_read(unit: &Unit, number: usize, path: &str) -> Vec<Raw> {
    let mut clients = Vec::new();
    for _ in 0..number {
        let mut client = Raw::with_small_window(unit).await;
        client.send(get(path)).await;
        clients.push(client);
    }
    clients
}

async fn none_in_flight(unit: &Unit) {
    eventually("they are let go", PATIENCE, async || {
        (metric(unit, "http_in_flight").await == Some(0.0)).then_some(())
    })
    .await;
}

fn answered(status: u16) -> String {
    format!("http_requests_total{{method=\"GET\",route=\"/api/movies\",status=\"{status}\"}}")
}

async fn asked(unit: &Unit, path: &str) -> Told {
    let mut client = Raw::to(unit).await;
    client.send(get(path)).await;
    client.answer().await
}

/// The kernel takes a page in pieces, a client with a small window small ones: who takes less than a piece in some seconds makes no
/// progress.
#[tokio::test]
async fn who_takes_a_little_now_and_then_is_let_go() {
    let unit = standalone(&[]).await;
    long_movies(&unit, 100, "\u{1f3ac}").await;
    let mut slow = Raw::with_small_window(&unit).await;
    slow.send(get("/api/movies?limit=1000")).await;
    let start = Instant::now();
    let mut few = [0; 100];
    eventually("it is let go", PATIENCE, async || {
        let _ = tokio::time::timeout(Duration::from_millis(100), slow.0.read(&mut few)).await;
        (metric(&unit, "http_in_flight").await == Some(0.0)).then_some(())
    })
    .await;
    assert!(start.elapsed() > Duration::from_secs(4), "it was not slow: {:?}", start.elapsed());
}

#[tokio::test]
async fn who_does_not_read_is_bounded_and_let_go() {
    let unit = standalone(&[("KEEPER_HTTP__LONG_ANSWERS_MIB", "32")]).await;
    long_movies(&unit, 110, "\u{1f3ac}").await;
    let before = unit.peak_memory().expect("it runs");
    let clients = readers_that_do_not_read(&unit, 40, "/api/movies?limit=1000").await;
    // Four of them have their page in memory, of 4 MiB each; the others wait for their turn, or are refused.
    eventually("some are refused", PATIENCE, async || {
        metric(&unit, &answered(503)).await.filter(|count| *count >= 10.0)
    })
    .await;
    let grown = unit.peak_memory().expect("it runs") - before;
    assert!(grown < 64 * 1024, "{grown} KiB");
    none_in_flight(&unit).await;
    assert_eq!(asked(&unit, "/api/movies?limit=1000").await.status, 200);
    drop(clients);
}

/// What slow readers have asked for is theirs to wait for.
#[tokio::test]
async fn a_short_page_never_waits_for_long_ones() {
    let unit = standalone(&[("KEEPER_HTTP__LONG_ANSWERS_MIB", "16")]).await;
    long_movies(&unit, 110, "\u{1f3ac}").await;
    let clients = readers_that_do_not_read(&unit, 4, "/api/movies?limit=1000").await;
    eventually("two have their page, and two wait", PATIENCE, async || {
        let made = metric(&unit, &answered(200)).await == Some(2.0);
        (made && metric(&unit, "http_in_flight").await == Some(4.0)).then_some(())
    })
    .await;
    for path in ["/api/movies?limit=1", "/api/movies?limit=20", "/api/billing/orders?user_id=a&limit=1000"] {
        let start = Instant::now();
        assert_eq!(asked(&unit, path).await.status, 200, "{path}");
        assert!(start.elapsed() < Duration::from_secs(1), "{path}: {:?}", start.elapsed());
    }
    assert_eq!(metric(&unit, "http_in_flight").await, Some(4.0), "the others are there still");
    drop(clients);
    none_in_flight(&unit).await;
}

#[tokio::test]
async fn a_page_ends_early_before_it_is_too_long_and_says_that_the_list_goes_on() {
    let unit = standalone(&[]).await;
    // Six bytes each in JSON.
    long_movies(&unit, 150, "\u{1}").await;
    let (mut path, mut ids, mut pages) = (Some("/api/movies?limit=1000".to_owned()), Vec::new(), 0);
    while let Some(asked_for) = path {
        let page = asked(&unit, &asked_for).await;
        assert!(page.body.len() <= 4 * 1024 * 1024, "{}", page.body.len());
        let movies: Vec<Value> = serde_json::from_str(&page.body).expect("it is JSON");
        ids.extend(movies.iter().map(|movie| movie["id"].as_i64().expect("a number")));
        path = page.head.split("link: <").nth(1).and_then(|rest| Some(rest.split_once('>')?.0.to_owned()));
        pages += 1;
    }
    assert_eq!((pages, ids.len()), (3, 150));
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
}

/// A file of the documentation is there once, however many are sent it.
#[tokio::test]
async fn the_documentation_costs_its_readers_nothing() {
    let unit = standalone(&[]).await;
    let (bundle, gzip) = ("/api-docs/swagger-ui-bundle.js", "Accept-Encoding: gzip");
    for accepts in ["Accept: */*", gzip] {
        let request = get(bundle).replace("Host: front", &format!("Host: front\r\n{accepts}"));
        let mut first = Raw::to(&unit).await;
        first.send(&request).await;
        let told = first.head().await;
        assert!(told.starts_with("HTTP/1.1 200"), "{told}");
        assert_eq!(told.contains("content-encoding: gzip"), accepts == gzip, "{told}");
        let before = unit.peak_memory().expect("it runs");
        let mut clients = Vec::new();
        for _ in 0..400 {
            let mut client = Raw::with_small_window(&unit).await;
            client.send(&request).await;
            clients.push(client);
        }
        let answers = format!("http_requests_total{{method=\"GET\",route=\"{bundle}\",status=\"200\"}}");
        let all = if accepts == gzip { 802.0 } else { 401.0 };
        eventually("they are answered", PATIENCE, async || {
            metric(&unit, &answers).await.filter(|number| *number >= all)
        })
        .await;
        let grown = unit.peak_memory().expect("it runs") - before;
        assert!(grown < 64 * 1024, "{accepts}: {grown} KiB");
        drop(clients);
        none_in_flight(&unit).await;
    }
}
