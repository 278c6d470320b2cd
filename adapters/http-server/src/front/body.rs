use bytes::Buf;
use http_body_util::BodyExt;
use hyper::Version;
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_LENGTH, EXPECT, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use tokio::time::{Instant, timeout_at};

use super::refusal::Refusal;

/// The largest body: 64 KiB.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;

/// How much of a body that is too large is read and thrown away, so that its sender comes to read the answer.
const MOST_DRAINED: usize = 16 * 1024 * 1024;

/// A request's body.
pub(super) struct Whole {
    /// At most a byte more than the largest body, which tells the handler that it is too large.
    pub(super) bytes: Vec<u8>,
    /// Some of it was not read: nothing more can be read from the connection.
    pub(super) cut: bool,
}

/// Whether the sender waits for our word before it sends the body.
pub(super) fn waits_for_word(head: &Parts) -> bool {
    let waits = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"100-continue");
    head.version > Version::HTTP_10 && head.headers.get_all(EXPECT).iter().any(waits)
}

/// Reads a body to its end, in time.
///
/// # Errors
/// It ends early, or does not come in time.
pub(super) async fn read(
    mut body: Incoming,
    headers: &HeaderMap,
    deadline: Instant,
) -> Result<Whole, Refusal> {
    let announced: Option<u64> =
        headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let expected = announced.map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX));
    let mut bytes = Vec::with_capacity(expected.min(MAX_BODY_BYTES));
    let mut read = 0;
    while !body.is_end_stream() {
        let frame = match timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => break,
            Ok(Some(Err(_))) => return Err(Refusal::BodyEnded),
            Err(_) => return Err(Refusal::SlowBody),
        };
        let Ok(data) = frame.into_data() else { continue };
        read += data.remaining();
        let room = (MAX_BODY_BYTES + 1).saturating_sub(bytes.len());
        bytes.extend_from_slice(&data[..data.len().min(room)]);
        if read > MOST_DRAINED {
            return Ok(Whole { bytes, cut: true });
        }
    }
    Ok(Whole { bytes, cut: false })
}
