use std::cell::RefCell;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

tokio::task_local! {
    /// What the request's answer takes up until it is written.
    static PLACES: RefCell<Vec<OwnedSemaphorePermit>>;
}

/// Keeps a place until the answer of the request that is being handled is written or given up. Without a front, as in
/// tests of routes, it is given back at once.
pub(crate) fn keep_until_sent(place: OwnedSemaphorePermit) {
    let _ = PLACES.try_with(|places| places.borrow_mut().push(place));
}

/// Handles a request, and says which places its answer takes up.
pub(super) async fn collect<T>(handled: impl Future<Output = T>) -> (T, Vec<OwnedSemaphorePermit>) {
    let handled = async {
        let answer = handled.await;
        (answer, PLACES.with(RefCell::take))
    };
    PLACES.scope(RefCell::default(), handled).await
}

/// Bytes that give something back when the last of them is written.
pub(super) fn bytes_holding<H: Send + 'static>(bytes: Vec<u8>, held: H) -> Bytes {
    struct Holding<H> {
        bytes: Vec<u8>,
        _held: H,
    }
    impl<H> AsRef<[u8]> for Holding<H> {
        fn as_ref(&self) -> &[u8] {
            &self.bytes
        }
    }
    // An empty body is never written, so nothing would say when.
    if bytes.is_empty() { Bytes::new() } else { Bytes::from_owner(Holding { bytes, _held: held }) }
}
