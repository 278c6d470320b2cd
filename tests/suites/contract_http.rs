//! The driving ports over HTTP, as the gateway has them: `http-client → http-server → use case → SQLite` under the same
//! suites as the use cases; and what a client makes of a service that breaks.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use keeper_batching::BatchedCatalog;
use keeper_billing::Book;
use keeper_domain::{MovieQuery, Page};
use keeper_http_client::{BillingClient, ClientSettings, InventoryClient, Service};
use keeper_http_server::{HttpMetrics, HttpSettings, api, movies, movies_by_id, order_book, serve};
use keeper_inventory::Inventory;
use keeper_ports::PortError;
use keeper_ports::inventory::{MockMovieCatalog, MovieCatalog};
use keeper_sqlite::{Directory, SqliteMovies, SqliteOrders};
use keeper_telemetry::context::RequestContext;
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

#[path = "contract_http/endless.rs"]
mod endless;
#[path = "contract_http/newer.rs"]
mod newer;
#[path = "contract_http/shared.rs"]
mod shared;

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
        caller: None,
    };
    context.scope(async { InventoryClient::new(service).get(movie_id(7)).await.unwrap() }).await;
    let head = seen.recv().await.unwrap().to_lowercase();
    assert!(head.contains("x-request-id: client-7\r\n"), "{head}");
    assert!(head.contains(&format!("traceparent: {traceparent}\r\n")), "{head}");
    assert!(head.contains("tracestate: rojo=1,congo=2\r\n"), "{head}");
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
