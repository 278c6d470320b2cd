//! Answers that are compressed for those who ask.

use std::io::Read;

use flate2::read::GzDecoder;
use futures_util::future::join_all;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::unique;
use crate::harness::{Answer, Stack};

/// An answer's status, headers and bytes.
async fn asked(
    stack: &Stack,
    method: Method,
    path: &str,
    accepts: Option<&str>,
) -> (StatusCode, HeaderMap, Vec<u8>) {
    let mut request = stack.api().request(method, path);
    if let Some(accepts) = accepts {
        request = request.header("Accept-Encoding", accepts);
    }
    let response = request.send().await.expect("it answers");
    let (status, headers) = (response.status(), response.headers().clone());
    (status, headers, response.bytes().await.expect("it answers in full").to_vec())
}

/// The text of an answer in this coding.
fn unpacked(coding: &str, bytes: &[u8]) -> String {
    let mut text = String::new();
    match coding {
        "gzip" => GzDecoder::new(bytes).read_to_string(&mut text).expect("it is gzip"),
        "zstd" => {
            zstd::Decoder::new(bytes).and_then(|mut all| all.read_to_string(&mut text)).expect("it is zstd")
        }
        other => panic!("{other} is no coding of ours"),
    };
    text
}

fn is(headers: &HeaderMap, name: &str, value: &str) -> bool {
    headers.get(name).is_some_and(|is| is == value)
}

pub async fn long_answers_are_compressed_for_those_who_ask(stack: &Stack) {
    let word = unique("Compressed");
    for number in 0..30 {
        let movie = json!({"title": format!("{word} {number}"), "description": "Ein Film. ".repeat(900)});
        let _ = stack.api().post("/api/movies", &movie).await.expect(201);
    }
    // More than 64 KiB, and less.
    for list in [format!("/api/movies?title={word}"), format!("/api/movies?title={word}&limit=1")] {
        let (_, headers, plain) = asked(stack, Method::GET, &list, None).await;
        assert!(headers.get("Content-Encoding").is_none() && is(&headers, "Vary", "accept-encoding"));
        for (accepts, coding) in [
            ("gzip", "gzip"),
            ("br;q=1, GZIP;q=0.5", "gzip"),
            ("*", "gzip"),
            ("identity;q=0, gzip", "gzip"),
            ("gzip, deflate, br", "gzip"),
            ("gzip, deflate, br, zstd", "zstd"),
            ("zstd;q=0.1", "zstd"),
        ] {
            let (status, headers, bytes) = asked(stack, Method::GET, &list, Some(accepts)).await;
            assert_eq!(status, 200);
            assert!(is(&headers, "Content-Encoding", coding) && is(&headers, "Vary", "accept-encoding"));
            assert!(is(&headers, "Content-Type", "application/json"));
            assert!(is(&headers, "Content-Length", &bytes.len().to_string()), "{headers:?}");
            assert!(bytes.len() * 4 < plain.len(), "{} of {}", bytes.len(), plain.len());
            assert_eq!(unpacked(coding, &bytes).as_bytes(), plain);
        }
        for accepts in ["identity", "br", "gzip;q=0", "gzip;q=0.1, identity", "*;q=0", "identity;q=0"] {
            let (_, headers, bytes) = asked(stack, Method::GET, &list, Some(accepts)).await;
            assert!(headers.get("Content-Encoding").is_none(), "{accepts}");
            assert_eq!(bytes, plain, "{accepts}");
        }
        // HEAD tells what GET would, but for the length.
        let (status, headers, bytes) = asked(stack, Method::HEAD, &list, Some("gzip")).await;
        assert_eq!((status.as_u16(), bytes.len()), (200, 0));
        assert!(is(&headers, "Content-Encoding", "gzip") && is(&headers, "Vary", "accept-encoding"));
        assert!(headers.get("Content-Length").is_none(), "{headers:?}");
        let (_, headers, _) = asked(stack, Method::HEAD, &list, None).await;
        assert!(is(&headers, "Content-Length", &plain.len().to_string()), "{headers:?}");
        assert!(headers.get("Content-Encoding").is_none());
    }
}

pub async fn a_compressed_movie_has_a_tag_of_its_own(stack: &Stack) {
    let movie = json!({"title": unique("Tagged"), "description": "Ein Film. ".repeat(900)});
    let path =
        format!("/api/movies/{}", stack.api().post("/api/movies", &movie).await.expect(201).json()["id"]);
    for coding in ["gzip", "zstd"] {
        let (_, headers, plain) = asked(stack, Method::GET, &path, None).await;
        let tag = headers["ETag"].to_str().expect("it is text").to_owned();
        assert!(is(&headers, "Vary", "accept-encoding"), "{headers:?}");
        let (_, headers, bytes) = asked(stack, Method::GET, &path, Some(coding)).await;
        assert!(is(&headers, "Content-Encoding", coding) && is(&headers, "Vary", "accept-encoding"));
        assert!(bytes.len() * 4 < plain.len(), "{} of {}", bytes.len(), plain.len());
        assert_eq!(unpacked(coding, &bytes).as_bytes(), plain);
        // Other bytes have another tag, which names the same version.
        let coded = headers["ETag"].to_str().expect("it is text");
        assert_eq!(coded, format!("{}-{coding}\"", tag.trim_end_matches('"')));
        let request = stack.api().request(Method::GET, &path).header("Accept-Encoding", coding);
        let again = Answer::of(request.header("If-None-Match", coded)).await.expect(304);
        assert_eq!((again.header("ETag"), again.header("Vary")), (Some(coded), Some("accept-encoding")));
        for status in [200, 412] {
            let change = stack.api().request(Method::PUT, &path).header("If-Match", coded).json(&movie);
            let _ = Answer::of(change).await.expect(status);
        }
    }
}

pub async fn long_answers_at_once_are_all_compressed(stack: &Stack) {
    let asked_at_once = (0..16).map(|_| asked(stack, Method::GET, "/api-docs/openapi.json", Some("gzip")));
    for (status, headers, bytes) in join_all(asked_at_once).await {
        assert_eq!(status, 200);
        assert!(is(&headers, "Content-Encoding", "gzip"), "{headers:?}");
        assert!(unpacked("gzip", &bytes).len() > 64 * 1024);
    }
}

pub async fn short_answers_stay_as_they_are(stack: &Stack) {
    let path = "/api/movies/9223372036854775807";
    let (status, headers, bytes) = asked(stack, Method::GET, path, Some("gzip")).await;
    assert_eq!(status, 404);
    assert!(headers.get("Content-Encoding").is_none() && is(&headers, "Vary", "Accept"), "{headers:?}");
    assert!(serde_json::from_slice::<Value>(&bytes).is_ok());
    // Unless the client refuses them so.
    let (_, headers, bytes) = asked(stack, Method::GET, path, Some("gzip, identity;q=0")).await;
    assert!(is(&headers, "Content-Encoding", "gzip"), "{headers:?}");
    assert!(unpacked("gzip", &bytes).contains("not_found"));
}

pub async fn what_browsers_and_crawlers_ask_for_is_there(stack: &Stack) {
    let (status, headers, icon) = asked(stack, Method::GET, "/favicon.ico", Some("gzip")).await;
    assert_eq!(status, 200);
    assert!(is(&headers, "Content-Type", "image/x-icon"), "{headers:?}");
    // An icon's first bytes: of one image.
    assert_eq!(icon[..6], [0, 0, 1, 0, 1, 0]);
    let robots: Answer = stack.api().get("/robots.txt").await.expect(200);
    assert!(robots.header("Content-Type").is_some_and(|kind| kind.starts_with("text/plain")));
    assert_eq!(robots.body, "User-agent: *\nDisallow: /\n");
    for path in ["/favicon.ico", "/robots.txt"] {
        assert_eq!(asked(stack, Method::HEAD, path, None).await.0, 200);
        assert_eq!(asked(stack, Method::POST, path, None).await.0, 405);
    }
}
