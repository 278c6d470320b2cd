use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

/// A call panicked. What it said is on standard error already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Panicked;

/// Waits for a call, and outlives its panic.
///
/// The call is not polled again after a panic. What it shares with others must bear that it ends anywhere, as it must
/// when a call is dropped half way.
pub(crate) async fn catch_panic<T>(
    mut call: Pin<Box<dyn Future<Output = T> + Send + '_>>,
) -> Result<T, Panicked> {
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context))) {
        Ok(Poll::Ready(answer)) => Poll::Ready(Ok(answer)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(_) => Poll::Ready(Err(Panicked)),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_an_answer_and_a_panic_is_none() {
        assert_eq!(catch_panic(Box::pin(async { 7 })).await, Ok(7));
        let late = Box::pin(async {
            tokio::task::yield_now().await;
            panic!("this test panics");
        });
        assert_eq!(catch_panic::<()>(late).await, Err(Panicked));
    }
}
