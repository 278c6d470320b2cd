//! Combines calls into batches, where a round trip costs more than what it carries.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use keeper_ports::{PortError, PortResult};
use tokio::sync::oneshot;

/// The most calls in a batch.
pub const MAX_CALLS: usize = 100;

/// What a batch gives: an answer to each call, in their order, or the one failure of them all.
pub type Answers<A> = PortResult<Vec<PortResult<A>>>;

/// Combines the calls that arrive while earlier ones are under way into one batch.
///
/// A call that comes alone is answered at once; the busier the other side is, the larger are the batches.
pub struct Coalescer<Q, A>(Arc<Shared<Q, A>>);

struct Shared<Q, A> {
    what: &'static str,
    max_batches: usize,
    answer: Box<dyn Fn(Vec<Q>) -> BoxFuture<'static, Answers<A>> + Send + Sync>,
    queue: Mutex<Queue<Q, A>>,
}

struct Queue<Q, A> {
    waiting: VecDeque<Waiting<Q, A>>,
    batches: usize,
}

struct Waiting<Q, A> {
    call: Q,
    answer: oneshot::Sender<PortResult<A>>,
}

impl<Q, A> Clone for Coalescer<Q, A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Q: Send + 'static, A: Send + 'static> Coalescer<Q, A> {
    /// Answers batches with `answer`; `what` is the other side's name for operators. At most `max_batches` are under
    /// way at once: few, so that they are large; more than one, so that one that hangs does not hold up the rest.
    pub fn new<F>(
        what: &'static str,
        max_batches: usize,
        answer: impl Fn(Vec<Q>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Answers<A>> + Send + 'static,
    {
        let answer = Box::new(move |calls| answer(calls).boxed());
        let queue = Mutex::new(Queue { waiting: VecDeque::new(), batches: 0 });
        Self(Arc::new(Shared { what, max_batches, answer, queue }))
    }

    /// Answers a call. Calls whose callers gave up before their turn are dropped, so that after a stall of the other side
    /// they do not delay the rest.
    ///
    /// # Errors
    /// Its own, or its batch's; `Failed` when the batch panicked.
    pub async fn call(&self, call: Q) -> PortResult<A> {
        let (answer, answered) = oneshot::channel();
        let starts = {
            let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.waiting.push_back(Waiting { call, answer });
            let starts = queue.batches < self.0.max_batches;
            queue.batches += usize::from(starts);
            starts
        };
        if starts {
            tokio::spawn(Arc::clone(&self.0).work());
        }
        answered.await.unwrap_or_else(|_| Err(PortError::failed(self.0.what, "it gave no answer")))
    }
}

impl<Q: Send + 'static, A: Send + 'static> Shared<Q, A> {
    /// Answers batch after batch until nothing waits.
    async fn work(self: Arc<Self>) {
        while let Some(batch) = self.next() {
            // A panic costs this batch its answers, and nobody else anything.
            let _ = AssertUnwindSafe(self.settle(batch)).catch_unwind().await;
        }
    }

    fn next(&self) -> Option<VecDeque<Waiting<Q, A>>> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.waiting.retain(|waiting| !waiting.answer.is_closed());
        if queue.waiting.is_empty() {
            queue.batches -= 1;
            return None;
        }
        let rest = queue.waiting.len().min(MAX_CALLS);
        let rest = queue.waiting.split_off(rest);
        Some(std::mem::replace(&mut queue.waiting, rest))
    }

    async fn settle(&self, batch: VecDeque<Waiting<Q, A>>) {
        let (calls, waiting): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|Waiting { call, answer }| (call, answer)).unzip();
        // Who no longer waits needs no answer.
        match (self.answer)(calls).await {
            Ok(answers) => waiting.into_iter().zip(answers).for_each(|(waiting, answer)| {
                let _ = waiting.send(answer);
            }),
            Err(error) => waiting.into_iter().for_each(|waiting| {
                let _ = waiting.send(Err(error.again()));
            }),
        }
    }
}

#[cfg(test)]
#[path = "coalescer_tests.rs"]
mod tests;
