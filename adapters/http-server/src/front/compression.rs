use std::sync::Arc;
use std::time::Duration;

use hyper::header::{
    CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, VARY,
};
use hyper::http::StatusCode;
use hyper::http::request::Parts;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::accept_encoding::Accepted;
use super::answer::{Answer, Body};
use super::refusal::Refusal;
use crate::coding::{Coding, coded};

/// What is shorter gains nothing: it fits into one packet as it is.
const SHORTEST: usize = 1024;

/// What is longer is compressed beside the requests: it takes more than about a millisecond.
const LONGEST_AT_ONCE: usize = 64 * 1024;

/// Long answers that are compressed at the same time: never all processors.
const LONG_ONES: usize = 2;

/// How long a long answer waits for its turn. It goes out as it is then.
const PATIENCE: Duration = Duration::from_secs(5);

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
        let accepted = Accepted::by(&request.headers);
        if answer.status == StatusCode::NOT_MODIFIED {
            unchanged(request, accepted, &mut answer.headers);
            return Ok(answer);
        }
        let size = answer.size.unwrap_or(answer.body.len());
        let may_vary = is_text(&answer.headers) && is_whole(&answer);
        if !may_vary || size == 0 || (size < SHORTEST && !matches!(accepted, Accepted::Only(_))) {
            return Ok(answer);
        }
        answer.headers.append(VARY, HeaderValue::from_static("accept-encoding"));
        let Some(coding) = accepted.coding() else { return Ok(answer) };
        if answer.body.is_empty() {
            answer.size = None;
        } else {
            answer.body = match answer.body {
                Body::Own(body) if body.len() <= LONGEST_AT_ONCE => coded(coding, &body).map(Body::Own),
                Body::Own(body) => {
                    let turn = Arc::clone(&self.long_ones).acquire_owned();
                    let Ok(Ok(turn)) = timeout(PATIENCE, turn).await else {
                        return Ok(Answer { body: Body::Own(body), ..answer });
                    };
                    // It may go on when its client leaves: no other one takes its turn meanwhile, and it counts as long.
                    let permit = answer.permit.take();
                    let compressed = spawn_blocking(move || (coded(coding, &body), turn, permit));
                    let (body, _, permit) = compressed.await.map_err(|_| Refusal::Internal)?;
                    answer.permit = permit;
                    body.map(Body::Own)
                }
                Body::File(file) => file.coded(coding).await.map(Body::Shared),
                Body::Shared(body) => Ok(Body::Shared(body)),
            }
            .map_err(|_| Refusal::Internal)?;
            answer.size = Some(answer.body.len());
        }
        answer.headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        if let Some(tag) = tag_in(coding, &answer.headers) {
            answer.headers.insert(ETAG, tag);
        }
        Ok(answer)
    }
}

/// Has a 304 name what the client has: what would be sent otherwise, or in another coding (RFC 9110, 15.4.5).
fn unchanged(request: &Parts, accepted: Accepted, headers: &mut HeaderMap) {
    headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    let names = |tag: &HeaderValue| {
        let lines = request.headers.get_all(IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
        tag.to_str().is_ok_and(|tag| lines.into_iter().any(|line| line.contains(tag)))
    };
    let plain = headers.get(ETAG).cloned();
    let wished = accepted.coding().and_then(|coding| tag_in(coding, headers));
    let others = Coding::ALL.into_iter().filter_map(|coding| tag_in(coding, headers));
    let known = wished.into_iter().chain(plain).chain(others).find(names);
    if let Some(tag) = known {
        headers.insert(ETAG, tag);
    }
}

/// The tag that the answer has in this coding.
fn tag_in(coding: Coding, headers: &HeaderMap) -> Option<HeaderValue> {
    coding.tagged(headers.get(ETAG)?.to_str().ok()?)?.try_into().ok()
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

/// A whole answer, which may have another form.
fn is_whole(answer: &Answer) -> bool {
    let bound = [CONTENT_ENCODING, CONTENT_RANGE];
    let empty = [StatusCode::NO_CONTENT, StatusCode::PARTIAL_CONTENT];
    !bound.iter().any(|name| answer.headers.contains_key(name)) && !empty.contains(&answer.status)
}

#[cfg(test)]
#[path = "compression_tests.rs"]
mod tests;
