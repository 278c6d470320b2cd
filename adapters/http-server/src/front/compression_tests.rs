use std::io::Read;

use flate2::read::GzDecoder;
use hyper::Request;
use hyper::header::ACCEPT_ENCODING;
use tokio::task::JoinSet;

use super::*;

fn request(accepts: &str, known: &str) -> Parts {
    let request = Request::builder().header(ACCEPT_ENCODING, accepts).header(IF_NONE_MATCH, known);
    request.body(()).unwrap().into_parts().0
}

fn answer(status: u16, body: &[u8]) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ETAG, HeaderValue::from_static("\"v\""));
    let status = StatusCode::from_u16(status).unwrap();
    Answer { status, headers, size: Some(body.len()), body: Body::Own(body.to_vec()), permit: None }
}

fn unpacked(answer: &Answer) -> Vec<u8> {
    let mut body = Vec::new();
    match answer.headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        Some(b"gzip") => GzDecoder::new(answer.body.bytes()).read_to_end(&mut body).unwrap(),
        Some(b"zstd") => zstd::Decoder::new(answer.body.bytes()).unwrap().read_to_end(&mut body).unwrap(),
        _ => return answer.body.bytes().to_vec(),
    };
    body
}

#[tokio::test]
async fn an_answer_with_a_tag_is_compressed_under_another_tag() {
    let compressor = Compressor::new();
    let body = b"0123456789".repeat(900);
    for (accepts, coding, tag) in
        [("gzip", Some("gzip"), "\"v-gzip\""), ("zstd", Some("zstd"), "\"v-zstd\""), ("br", None, "\"v\"")]
    {
        let sent = compressor.compress(&request(accepts, ""), answer(200, &body)).await.unwrap();
        assert_eq!(sent.headers.get(CONTENT_ENCODING).map(|is| is.to_str().unwrap()), coding, "{accepts}");
        assert_eq!(sent.headers[ETAG], tag, "{accepts}");
        assert_eq!(sent.headers[VARY], "accept-encoding", "{accepts}");
        assert_eq!((sent.size, unpacked(&sent)), (Some(sent.body.len()), body.clone()), "{accepts}");
        assert!(coding.is_none() || sent.body.len() * 10 < body.len(), "{accepts}");
        // Its answer to HEAD has the same tag.
        let head = Answer { size: Some(body.len()), ..answer(200, b"") };
        let head = compressor.compress(&request(accepts, ""), head).await.unwrap();
        assert_eq!(head.headers[ETAG], tag, "{accepts}");
    }
}

#[tokio::test]
async fn a_304_names_what_the_client_has() {
    let compressor = Compressor::new();
    for (accepts, known, tag) in [
        ("gzip", "\"v-gzip\"", "\"v-gzip\""),
        ("gzip", "\"v\"", "\"v\""),
        ("gzip", "\"v\", \"v-zstd\", W/\"v-gzip\"", "\"v-gzip\""),
        ("gzip", "*", "\"v\""),
        ("", "\"v-zstd\", \"v\"", "\"v\""),
        ("", "\"v-zstd\"", "\"v-zstd\""),
    ] {
        let sent = compressor.compress(&request(accepts, known), answer(304, b"")).await.unwrap();
        assert_eq!(sent.headers[ETAG], tag, "{accepts}: {known}");
        assert_eq!(sent.headers[VARY], "accept-encoding", "{accepts}: {known}");
    }
}

#[tokio::test]
async fn long_answers_wait_for_their_turn() {
    let compressor = Arc::new(Compressor::new());
    let mut sent = JoinSet::new();
    for _ in 0..8 * LONG_ONES {
        let compressor = Arc::clone(&compressor);
        let long = answer(200, &b"0123456789".repeat(20_000));
        sent.spawn(async move { compressor.compress(&request("gzip", ""), long).await.unwrap() });
    }
    for answer in sent.join_all().await {
        assert_eq!(answer.headers[CONTENT_ENCODING], "gzip");
    }
}
