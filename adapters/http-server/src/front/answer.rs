use hyper::header::HeaderMap;
use hyper::http::StatusCode;
use tokio::sync::OwnedSemaphorePermit;

/// An answer, in memory.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// The body's length; that of a HEAD's answer too, which has none.
    pub(super) size: Option<usize>,
    pub(super) body: Vec<u8>,
    /// What the answer takes up until it is written.
    pub(super) places: Vec<OwnedSemaphorePermit>,
}
