//! The driving ports over HTTP, as the gateway has them: `http-client → http-server → use case → SQLite` under the same
//! suites as the use cases; and what a client makes of a service that breaks.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use keeper_batching::BatchedCatalog;
use keeper_billing::Book;
use keeper_domain::{Movie, MovieId, MovieQuery, Page};
use keeper_http_client::{BillingClient, ClientSettings, InventoryClient, Service};
use keeper_http_server::{HttpMetrics, HttpSettings, api, movies, movies_by_id, order_book, serve};
use keeper_inventory::Inventory;
use keeper_ports::PortError;
use keeper_ports::inventory::{MockMovieCatalog, MovieCatalog};
use keeper_sqlite::{Directory, SqliteMovies, SqliteOrders};
use keeper_telemetry::{caller::CallerName, context::RequestContext};
use keeper_tests::contract::samples::{movie, movie_id};
use keeper_tests::contract::{self, SystemClock};
use keeper_tests::harness::free_port;
use keeper_wire::MovieBody;
use prometheus::{Registry, TextEncoder};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

#[path = "contract_http/newer.rs"]
mod newer;

/// Serves stages until the guard is dropped, and gives their port.
macro_rules! served {
    ($registry:expr, $($stage:expr),+) => {{
        let settings = HttpSettings::at(IpAddr::V4(Ipv4Addr::LOCALHOST), free_port());
        let stop = CancellationToken::new();
        let (listening, listens) = oneshot::channel();
        let rocket = api(settings, HttpMetrics::register(&$registry).unwrap())$(.attach($stage))+;
        tokio::spawn(serve(rocket, stop.clone(), move || listening.send(()).unwrap()));
        listens.await.unwrap();
        (settings.port, stop.drop_guard())
    }};
}

fn service(port: u16, timeout_ms: u64) -> Service {
    Service::new("service", &ClientSettings { url: format!("http://127.0.0.1:{port}"), timeout_ms }).unwrap()
}

async fn catalog() -> (contract::movie_catalog::Subject, (TempDir, DropGuard)) {
    let folder = TempDir::new().unwrap();
    let database = Directory::new(folder.path()).unwrap().inventory().await.unwrap();
    let catalog = Inventory::new(Arc::new(SqliteMovies::new(database)), Arc::new(SystemClock));
    let (port, stop) = served!(Registry::new(), movies(Arc::new(catalog)), movies_by_id());
    (Arc::new(batched(service(port, 5_000), 5_000)), (folder, stop))
}

/// The catalogue as the gateway assembles it.
fn batched(service: Service, timeout_ms: u64) -> BatchedCatalog {
    let client = Arc::new(InventoryClient::new(service));
    BatchedCatalog::new("inventory", client, Duration::from_millis(timeout_ms))
}

async fn book() -> (contract::order_book::Subject, (TempDir, DropGuard)) {
    let folder = TempDir::new().unwrap();
    let database = Directory::new(folder.path()).unwrap().billing().await.unwrap();
    let ledger = Arc::new(SqliteOrders::new(database));
    let book = Book::new(ledger.clone());
    let (port, stop) = served!(Registry::new(), order_book(Arc::new(book)));
    (
        contract::order_book::Subject { book: Arc::new(BillingClient::new(service(port, 5_000))), ledger },
        (folder, stop),
    )
}

keeper_tests::movie_catalog_contract!(super::catalog);
keeper_tests::order_book_contract!(super::book);

/// A service that gives every connection the next of these answers, and closes it; an empty one is none.
/// The heads of the requests come out of the channel.
async fn broken(answers: Vec<String>) -> (Service, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (heads, seen) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for answer in answers {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut head = vec![0; 4096];
            let length = connection.read(&mut head).await.unwrap();
            heads.send(String::from_utf8_lossy(&head[..length]).into_owned()).unwrap();
            connection.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (service(port, 2_000), seen)
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

fn error(status: &str, code: &str) -> String {
    answer(status, &format!(r#"{{"message":"m","code":"{code}","request_id":"r"}}"#))
}

const MOVIE: &str = r#"{"id":7,"title":"a","description":"","createdAt":"2026-01-31T09:30:00Z","updatedAt":"2026-01-31T09:30:00Z"}"#;

#[tokio::test]
async fn errors_keep_their_meaning() {
    for (status, code, meaning) in [
        ("503 Service Unavailable", "unavailable", "unavailable"),
        ("504 Gateway Timeout", "timeout", "timed out"),
        ("500 Internal Server Error", "internal", "failed"),
        ("400 Bad Request", "invalid", "failed"),
        ("302 Found", "internal", "failed"),
    ] {
        let (service, _seen) = broken(vec![error(status, code)]).await;
        let is = match InventoryClient::new(service).get(movie_id(7)).await.unwrap_err() {
            PortError::Unavailable { .. } => "unavailable",
            PortError::TimedOut { .. } => "timed out",
            PortError::Failed { .. } => "failed",
        };
        assert_eq!(is, meaning, "{status}");
    }
}

#[tokio::test]
async fn only_our_own_404_means_that_a_movie_is_not_there() {
    let (ours, _seen) = broken(vec![error("404 Not Found", "not_found")]).await;
    assert_eq!(InventoryClient::new(ours).get(movie_id(7)).await.unwrap(), None);
    let (another, _seen) = broken(vec![answer("404 Not Found", "<html>nginx</html>")]).await;
    assert!(matches!(InventoryClient::new(another).get(movie_id(7)).await, Err(PortError::Failed { .. })));
}

#[tokio::test]
async fn nonsense_is_a_failure_and_not_a_movie() {
    for body in ["", "[]", "<html>", r#"{"id":0}"#, &MOVIE.replace("\"a\"", "\"\"")] {
        let (service, _seen) = broken(vec![answer("200 OK", body)]).await;
        assert!(
            matches!(InventoryClient::new(service).get(movie_id(7)).await, Err(PortError::Failed { .. })),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_read_whose_connection_broke_is_sent_once_more() {
    let (service, mut seen) = broken(vec![String::new(), answer("200 OK", MOVIE)]).await;
    assert_eq!(InventoryClient::new(service).get(movie_id(7)).await.unwrap().unwrap().id, movie_id(7));
    let (service, _seen) = broken(vec![String::new(), String::new(), answer("200 OK", MOVIE)]).await;
    assert!(matches!(
        InventoryClient::new(service).get(movie_id(7)).await,
        Err(PortError::Unavailable { .. })
    ));
    assert!(seen.recv().await.unwrap().starts_with("GET /api/movies/7 "));
}

#[tokio::test]
async fn a_change_whose_connection_broke_is_not_sent_again() {
    let (service, mut seen) = broken(vec![String::new(), answer("201 Created", MOVIE)]).await;
    assert!(matches!(InventoryClient::new(service).add(movie("a")).await, Err(PortError::TimedOut { .. })));
    assert!(seen.recv().await.unwrap().starts_with("POST /api/movies "));
    assert!(seen.try_recv().is_err(), "it was sent twice");
}

/// An answer whose connection breaks in the middle of its body.
fn half(status: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: 500\r\n\r\n{{\"id\":7,")
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_none() {
    let (service, _seen) = broken(vec![half("200 OK"), answer("200 OK", MOVIE)]).await;
    assert!(InventoryClient::new(service).get(movie_id(7)).await.unwrap().is_some(), "it is asked once more");
    let (service, _seen) = broken(vec![half("200 OK"), half("200 OK")]).await;
    assert!(matches!(
        InventoryClient::new(service).list(MovieQuery::default(), Page::default()).await,
        Err(PortError::Unavailable { .. })
    ));
    // The movie is there, or not.
    let (service, _seen) = broken(vec![half("201 Created"), answer("201 Created", MOVIE)]).await;
    assert!(matches!(InventoryClient::new(service).add(movie("a")).await, Err(PortError::TimedOut { .. })));
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = InventoryClient::new(service(listener.local_addr().unwrap().port(), 200));
    let started = Instant::now();
    let listed = client.list(MovieQuery::default(), Page::default()).await;
    assert!(matches!(listed, Err(PortError::TimedOut { .. })));
    assert!(started.elapsed() < Duration::from_secs(5));
    drop(listener);
}

#[tokio::test]
async fn a_service_that_is_not_there_is_unavailable() {
    let client = InventoryClient::new(service(free_port(), 2_000));
    assert!(matches!(client.clear().await, Err(PortError::Unavailable { .. })));
}

#[tokio::test]
async fn a_call_carries_the_id_of_the_request_that_it_is_made_for() {
    let (service, mut seen) = broken(vec![answer("200 OK", MOVIE)]).await;
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned();
    let context = RequestContext {
        request_id: "client-7".into(),
        traceparent: Some(traceparent.clone()),
        tracestate: Some("rojo=1,congo=2".into()),
    };
    context.scope(async { InventoryClient::new(service).get(movie_id(7)).await.unwrap() }).await;
    let head = seen.recv().await.unwrap().to_lowercase();
    assert!(head.contains("x-request-id: client-7\r\n"), "{head}");
    assert!(head.contains(&format!("traceparent: {traceparent}\r\n")), "{head}");
    assert!(head.contains("tracestate: rojo=1,congo=2\r\n"), "{head}");
}

/// Reads movies as clients that come together do, each under a request id and a name of its own (`r1`, `k1` for movie 1).
async fn read_together(client: BatchedCatalog, ids: std::ops::RangeInclusive<i64>) -> Vec<Read> {
    let reads = ids.map(|id| {
        let context = RequestContext { request_id: format!("r{id}"), traceparent: None, tracestate: None };
        CallerName::scope_if_some(
            Some(CallerName::new(&format!("k{id}"))),
            context.scope(client.get(movie_id(id))),
        )
    });
    join_all(reads).await
}

type Read = Result<Option<Movie>, PortError>;

fn found(read: &Read) -> Option<i64> {
    read.as_ref().unwrap().as_ref().map(|movie| movie.id.get())
}

/// A catalogue that has the movies with even ids, cannot read 13, and says what it was asked for.
fn even_movies() -> (MockMovieCatalog, mpsc::UnboundedReceiver<i64>) {
    let (asked, seen) = mpsc::unbounded_channel();
    let mut catalog = MockMovieCatalog::new();
    let also_asked = asked.clone();
    let read = |id: MovieId| match id.get() {
        13 => Err(PortError::failed("database", "the row is broken")),
        id if id % 2 == 0 => {
            let body: MovieBody = serde_json::from_str(&MOVIE.replace('7', &id.to_string())).unwrap();
            Ok(Some(body.try_into().unwrap()))
        }
        _ => Ok(None),
    };
    catalog.expect_get().returning(move |id| {
        asked.send(id.get()).unwrap();
        read(id)
    });
    catalog.expect_get_many().returning(move |ids| {
        for id in &ids {
            also_asked.send(id.get()).unwrap();
        }
        ids.into_iter().filter_map(|id| read(id).transpose()).collect()
    });
    (catalog, seen)
}

#[tokio::test]
async fn reads_at_the_same_time_share_requests_and_each_gets_its_own_movie() {
    let (catalog, mut asked) = even_movies();
    let registry = Registry::new();
    let (port, _stop) = served!(registry, movies(Arc::new(catalog)), movies_by_id());
    let reads = read_together(batched(service(port, 5_000), 5_000), 20..=140).await;
    for (id, read) in (20..).zip(&reads) {
        assert_eq!(found(read), Some(id).filter(|id| id % 2 == 0));
    }
    let mut ids: Vec<i64> = std::iter::from_fn(|| asked.try_recv().ok()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (20..=140).collect::<Vec<_>>(), "each was read once");
    let text = TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    assert!(text.contains(r#"route="/internal/movies""#), "{text}");
    let requests = text.lines().filter(|line| line.starts_with("http_requests_total"));
    let requests: u32 = requests.map(|line| line.rsplit(' ').next().unwrap().parse::<u32>().unwrap()).sum();
    assert_eq!(requests, 2, "a batch of 100 and the rest");
}

#[tokio::test]
async fn a_movie_that_cannot_be_read_fails_alone() {
    let (catalog, _asked) = even_movies();
    let (port, _stop) = served!(Registry::new(), movies(Arc::new(catalog)), movies_by_id());
    let reads = read_together(batched(service(port, 5_000), 5_000), 10..=20).await;
    for (id, read) in (10..).zip(&reads) {
        match id {
            13 => assert!(matches!(read, Err(PortError::Failed { .. }))),
            id => assert_eq!(found(read), Some(id).filter(|id| id % 2 == 0)),
        }
    }
}

#[tokio::test]
async fn an_older_service_is_asked_for_one_movie_at_a_time() {
    let (catalog, _asked) = even_movies();
    let (port, _stop) = served!(Registry::new(), movies(Arc::new(catalog)));
    let reads = read_together(batched(service(port, 5_000), 5_000), 20..=40).await;
    for (id, read) in (20..).zip(&reads) {
        assert_eq!(found(read), Some(id).filter(|id| id % 2 == 0));
    }
}

#[tokio::test]
async fn a_shared_request_carries_the_ids_of_all_that_it_is_made_for() {
    let (service, mut seen) = broken(vec![answer("200 OK", "[]")]).await;
    let reads = read_together(batched(service, 5_000), 1..=3).await;
    assert!(reads.iter().all(|read| found(read).is_none()));
    let head = seen.recv().await.unwrap().to_lowercase();
    assert!(head.starts_with("get /internal/movies?ids=1,2,3 "), "{head}");
    assert!(head.contains("x-request-id: r1\r\n") && head.contains("x-request-ids: r1,r2,r3\r\n"), "{head}");
    assert!(head.contains("x-caller: k1,k2,k3\r\n"), "{head}");
}

#[tokio::test]
async fn a_read_that_waits_for_others_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = batched(service(listener.local_addr().unwrap().port(), 1_000), 1_000);
    let started = Instant::now();
    let reads = read_together(client, 1..=20).await;
    assert!(reads.iter().all(|read| matches!(read, Err(PortError::TimedOut { .. }))), "{reads:?}");
    assert!(started.elapsed() < Duration::from_millis(1_900), "the last ones waited twice");
}

/// A replica that hangs has two of the connections: all shared requests that may be under way at once. What comes then
/// must not wait until they are given up.
#[tokio::test]
async fn requests_that_hang_hold_up_no_others() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (hang, mut hangs) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for number in 0.. {
            let (mut connection, _) = listener.accept().await.unwrap();
            if number < 2 {
                hang.send(connection).unwrap();
                continue;
            }
            tokio::spawn(async move {
                let _ = connection.read(&mut [0; 4096]).await.unwrap();
                connection.write_all(answer("200 OK", MOVIE).as_bytes()).await.unwrap();
            });
        }
    });
    let catalog = Arc::new(batched(service(port, 20_000), 20_000));
    let read = || {
        let catalog = Arc::clone(&catalog);
        tokio::spawn(async move { catalog.get(movie_id(7)).await })
    };
    // One after the other: together they would share a request.
    let mut hanging = Vec::new();
    for _ in 0..2 {
        let reading = read();
        hanging.push((hangs.recv().await.unwrap(), reading));
    }
    let started = Instant::now();
    for _ in 0..5 {
        assert_eq!(found(&read().await.unwrap()), Some(7));
    }
    assert!(started.elapsed() < Duration::from_secs(10), "they waited for those that hang");
    for (_, reading) in &hanging {
        reading.abort();
    }
}

#[tokio::test]
async fn a_batch_that_is_none_is_refused() {
    let (catalog, _asked) = even_movies();
    let (port, _stop) = served!(Registry::new(), movies(Arc::new(catalog)), movies_by_id());
    let get = async |query: &str| {
        let answer = reqwest::get(format!("http://127.0.0.1:{port}/internal/movies{query}")).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let many = vec!["1"; 101].join(",");
    for query in [
        "",
        "?ids=",
        "?ids=1,",
        "?ids=1,0",
        "?ids=1,x",
        "?ids=1&ids=2",
        "?ids=1&limit=2",
        &format!("?ids={many}"),
    ] {
        let (status, body) = get(query).await;
        assert_eq!(status, 400, "{query}: {body}");
        assert!(body.contains(r#""field":"ids""#) || body.contains(r#""field":"limit""#), "{query}: {body}");
    }
    let (_, answer) = get("?ids=4,3,2").await;
    let movies: Vec<MovieBody> = serde_json::from_str(&answer).unwrap();
    assert_eq!(movies.iter().map(|movie| movie.id).collect::<Vec<_>>(), [4, 2]);
}

#[test]
fn an_address_that_is_none_is_refused() {
    for url in
        ["", "inventory:8080", "https://inventory", "http://", "http://inventory/api", "ftp://inventory"]
    {
        let settings = ClientSettings { url: url.into(), timeout_ms: 1 };
        assert!(settings.check("inventory").is_err_and(|wrong| wrong.key == "inventory.url"), "{url:?}");
    }
}
