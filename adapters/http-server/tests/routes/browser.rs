//! What browsers are told.

use std::sync::Arc;

use keeper_domain::Slice;
use keeper_http_server::browser::{self, BrowserSettings};
use keeper_http_server::{Document, docs, movies};
use keeper_ports::inventory::MockMovieCatalog;
use rocket::http::{Header, Method, Status};
use rocket::local::asynchronous::Client;

use crate::client::client;

const PAGE: &str = "https://shop.example.com";

async fn api(settings: BrowserSettings) -> Client {
    let mut catalog = MockMovieCatalog::new();
    catalog.expect_list().returning(|_, _| Ok(Slice { items: Vec::new(), more: false }));
    client([browser::stage(settings), movies(Arc::new(catalog)), docs::stage(Document::Gateway)]).await
}

async fn open_to(origins: &[&str]) -> Client {
    let origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
    api(BrowserSettings { origins, behind_proxy: false }).await
}

/// The status, and a look at the headers: all values of a name, with commas between them.
async fn ask(
    client: &Client,
    method: Method,
    uri: &str,
    headers: &[(&'static str, &'static str)],
) -> (Status, impl Fn(&str) -> Option<String> + use<>) {
    let mut request = client.req(method, uri);
    for (name, value) in headers {
        request.add_header(Header::new(*name, *value));
    }
    let response = request.dispatch().await;
    let all = response.headers().iter();
    let all: Vec<_> = all.map(|header| (header.name.to_string(), header.value.to_string())).collect();
    let status = response.status();
    (status, move |name: &str| {
        let values = all.iter().filter(|(is, _)| is.eq_ignore_ascii_case(name));
        let values: Vec<&str> = values.map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    })
}

const ALLOW: &str = "Access-Control-Allow-Origin";
const PREFLIGHT: (&str, &str) = ("Access-Control-Request-Method", "PUT");

#[rocket::async_test]
async fn pages_of_named_origins_may_call_and_read_errors_too() {
    let api = open_to(&["http://localhost:5173", PAGE]).await;
    for (uri, status) in [("/api/movies", 200), ("/api/movies?limit=x", 400), ("/nowhere", 404)] {
        let (is, header) = ask(&api, Method::Get, uri, &[("Origin", PAGE)]).await;
        assert_eq!((is.code, header(ALLOW).as_deref()), (status, Some(PAGE)), "{uri}");
        assert!(header("Access-Control-Expose-Headers").unwrap().contains("X-Request-Id"));
        assert_eq!(header("Vary").as_deref(), Some(if status == 200 { "Origin" } else { "Accept, Origin" }));
    }
    let (status, header) = ask(&api, Method::Options, "/api/movies/7", &[("Origin", PAGE), PREFLIGHT]).await;
    assert_eq!((status.code, header(ALLOW).as_deref()), (204, Some(PAGE)));
    assert!(header("Access-Control-Allow-Methods").unwrap().contains("PUT"));
    let allowed = header("Access-Control-Allow-Headers").unwrap();
    for name in ["Authorization", "traceparent", "tracestate"] {
        assert!(allowed.split(", ").any(|allowed| allowed == name), "{name}: {allowed}");
    }
    assert_eq!(header("Access-Control-Allow-Credentials"), None);
}

#[rocket::async_test]
async fn other_pages_may_not() {
    let api = open_to(&[PAGE]).await;
    for origin in [
        "https://shop.example.com.evil.org",
        "https://example.com",
        "http://shop.example.com",
        "https://shop.example.com:8443",
        "https://SHOP.example.com",
        "null",
        "*",
    ] {
        let headers: [_; 2] = [("Origin", origin), PREFLIGHT];
        let (status, header) = ask(&api, Method::Options, "/api/movies", &headers).await;
        assert_eq!((status.code, header(ALLOW)), (405, None), "{origin}");
        let (status, header) = ask(&api, Method::Get, "/api/movies", &headers[..1]).await;
        assert_eq!((status.code, header(ALLOW)), (200, None), "{origin}");
    }
    let twice = [("Origin", PAGE), ("Origin", "https://evil.org")];
    assert_eq!(ask(&api, Method::Get, "/api/movies", &twice).await.1(ALLOW), None);
    let (status, header) = ask(&api, Method::Options, "/api/movies", &[("Origin", PAGE)]).await;
    assert_eq!(status.code, 405);
    assert!(!header("Allow").unwrap().contains("OPTIONS"));
    assert_eq!(ask(&api, Method::Get, "/api/nowhere", &[]).await.0.code, 404);
}

#[rocket::async_test]
async fn without_origins_nothing_is_allowed() {
    let api = open_to(&[]).await;
    let (status, header) = ask(&api, Method::Get, "/api/movies", &[("Origin", PAGE)]).await;
    assert_eq!((status.code, header(ALLOW), header("Vary")), (200, None, None));
    let (status, _) = ask(&api, Method::Options, "/api/movies", &[("Origin", PAGE), PREFLIGHT]).await;
    assert_eq!(status.code, 405);
}

#[rocket::async_test]
async fn pages_and_data_have_the_headers_of_their_kind() {
    let api = api(BrowserSettings { origins: Vec::new(), behind_proxy: true }).await;
    let tls = [("X-Forwarded-Proto", "https")];
    for (uri, headers, scripts, by_tls) in [
        ("/api/movies", &[][..], false, false),
        ("/nowhere", &tls[..], false, true),
        ("/api-docs", &[], true, false),
        ("/api-docs/rapidoc", &tls, true, true),
        ("/api/movies", &[("X-Forwarded-Proto", "https, http")], false, false),
    ] {
        let (_, header) = ask(&api, Method::Get, uri, headers).await;
        let policy = header("Content-Security-Policy").unwrap();
        assert_eq!(policy.contains("script-src 'self';"), scripts, "{uri}: {policy}");
        assert!(policy.starts_with("default-src 'none';") && policy.ends_with("frame-ancestors 'none'"));
        assert_eq!(header("X-Content-Type-Options").as_deref(), Some("nosniff"));
        assert_eq!(header("Referrer-Policy").as_deref(), Some("no-referrer"));
        assert_eq!(header("Strict-Transport-Security").is_some(), by_tls, "{uri}");
    }
}
