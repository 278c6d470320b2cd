use std::io::{self, Write};
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::header::{CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, VARY};
use hyper::http::StatusCode;
use hyper::http::request::Parts;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::accept_encoding::Coding;
use super::answer::Answer;
use super::refusal::Refusal;

/// What is shorter gains nothing: it fits into one packet as it is.
const SHORTEST: usize = 1024;

/// What is longer is compressed beside the requests: it takes more than about a millisecond.
const LONGEST_AT_ONCE: usize = 64 * 1024;

/// Long answers that are compressed at the same time. Further ones go out as they are, at once.
const LONG_ONES: usize = 2;

/// Compresses answers for those who ask for it.
pub(super) struct Compressor {
    long_ones: Arc<Semaphore>,
}

impl Compressor {
    pub(super) fn new() -> Self {
        Self { long_ones: Arc::new(Semaphore::new(LONG_ONES)) }
    }

    /// The answer as this client is to have it. The answer to HEAD has the headers of that to GET, without a length, which
    /// nobody knows before it is compressed.
    ///
    /// # Errors
    /// It could not be compressed, which is a fault.
    pub(super) async fn compress(&self, request: &Parts, mut answer: Answer) -> Result<Answer, Refusal> {
        let coding = Coding::accepted(&request.headers);
        let size = answer.size.unwrap_or(answer.body.len());
        let may_vary = is_text(&answer.headers) && is_whole(&answer);
        if !may_vary || size == 0 || (size < SHORTEST && coding != Coding::OnlyGzip) {
            return Ok(answer);
        }
        answer.headers.append(VARY, HeaderValue::from_static("accept-encoding"));
        if coding == Coding::Identity {
            return Ok(answer);
        }
        if answer.body.is_empty() {
            answer.size = None;
        } else if answer.body.len() <= LONGEST_AT_ONCE {
            answer.body = gzip(&answer.body).map_err(|_| Refusal::Broken)?;
            answer.size = Some(answer.body.len());
        } else {
            let Ok(turn) = Arc::clone(&self.long_ones).try_acquire_owned() else { return Ok(answer) };
            let body = std::mem::take(&mut answer.body);
            // It may go on when its client leaves: no other one takes its turn meanwhile.
            let compressed =
                spawn_blocking(move || (gzip(&body), turn)).await.map_err(|_| Refusal::Broken)?;
            answer.body = compressed.0.map_err(|_| Refusal::Broken)?;
            answer.size = Some(answer.body.len());
        }
        answer.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        Ok(answer)
    }
}

fn gzip(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

/// What is not text is compressed already.
fn is_text(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.starts_with("text/")
        || kind.ends_with("json")
        || kind.ends_with("javascript")
        || kind.ends_with("xml")
}

/// A whole answer, which may have another form. One with a tag names its bytes.
fn is_whole(answer: &Answer) -> bool {
    let bound = [CONTENT_ENCODING, CONTENT_RANGE, ETAG];
    let empty = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED, StatusCode::PARTIAL_CONTENT];
    !bound.iter().any(|name| answer.headers.contains_key(name)) && !empty.contains(&answer.status)
}
