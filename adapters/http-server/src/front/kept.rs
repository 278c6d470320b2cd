use std::cell::RefCell;
use std::sync::Arc;

use super::lanes::LanePermit;
use super::shared_file::SharedFile;

/// The right of a long answer to be made and sent.
#[derive(Debug)]
pub(crate) struct Permit {
    /// Given back when it is made.
    #[expect(dead_code, reason = "it is only held")]
    pub(super) making: Option<LanePermit>,
    /// Given back when it is written.
    pub(super) sending: LanePermit,
}

/// What the handler of a request keeps for the one who sends its answer.
#[derive(Default)]
pub(super) struct Kept {
    /// Given back when the answer is written or given up.
    pub(super) permit: Option<Permit>,
    /// The body, which need not be copied.
    pub(super) file: Option<Arc<SharedFile>>,
}

tokio::task_local! {
    static KEPT: RefCell<Kept>;
}

/// Keeps a permit until the answer of the request that is being handled is written. Without a front, as in tests of routes,
/// whoever makes the answer gets it back.
pub(super) fn permit(permit: Permit) -> Option<Permit> {
    let mut permit = Some(permit);
    let _ = KEPT.try_with(|kept| kept.borrow_mut().permit = permit.take());
    permit
}

/// Names the file that the body of the answer is. Without a front, the body is read as any other.
pub(crate) fn file(file: Arc<SharedFile>) {
    let _ = KEPT.try_with(|kept| kept.borrow_mut().file = Some(file));
}

/// Handles a request. What was kept meanwhile is there for [`take`].
pub(super) async fn collect<F: Future>(handled: F) -> F::Output {
    KEPT.scope(RefCell::default(), handled).await
}

/// What was kept so far.
pub(super) fn take() -> Kept {
    KEPT.try_with(RefCell::take).unwrap_or_default()
}
