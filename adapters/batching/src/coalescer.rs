//! Combines calls into batches, where a round trip costs more than what it carries.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use keeper_ports::{PortError, PortResult};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// The most calls in a batch.
pub(crate) const MAX_CALLS: usize = 100;

/// The most batches that are under way at once, those that are overdue not counted: few, so that they are large.
/// Measured with 32 clients, a read then costs the database less than half of what a statement of its own does.
pub(crate) const MAX_BATCHES: usize = 2;

/// A batch that takes longer no longer counts as under way: its turn goes to the next one. So one that hangs holds up
/// its own calls and no others, and the slower the other side is, the more batches it is sent at a time.
pub(crate) const OVERDUE_AFTER: Duration = Duration::from_millis(100);

/// What a batch gives: an answer to each call, in their order, or the one failure of them all.
pub type Answers<A> = PortResult<Vec<PortResult<A>>>;

/// Combines the calls that arrive while earlier ones are under way into one batch.
///
/// A call that comes alone is answered at once; the busier the other side is, the larger are the batches.
pub struct Coalescer<Q, A>(Arc<Shared<Q, A>>);

struct Shared<Q, A> {
    dependency: &'static str,
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
    /// Answers batches with `answer`; `dependency` is the other side's name for operators.
    pub fn new<F>(dependency: &'static str, answer: impl Fn(Vec<Q>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Answers<A>> + Send + 'static,
    {
        let answer = Box::new(move |calls| answer(calls).boxed());
        let queue = Mutex::new(Queue { waiting: VecDeque::new(), batches: 0 });
        Self(Arc::new(Shared { dependency, answer, queue }))
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
            let starts = queue.batches < MAX_BATCHES;
            queue.batches += usize::from(starts);
            starts
        };
        if starts {
            tokio::spawn(Arc::clone(&self.0).work());
        }
        answered.await.unwrap_or_else(|_| Err(PortError::failed(self.0.dependency, "it gave no answer")))
    }
}

impl<Q: Send + 'static, A: Send + 'static> Shared<Q, A> {
    /// Answers batch after batch until nothing waits. After a batch that is overdue it ends, as another goes on for it.
    ///
    /// Returns a future by its name, since it starts itself.
    fn work(self: Arc<Self>) -> BoxFuture<'static, ()> {
        async move {
            while let Some(batch) = self.next() {
                // A panic costs this batch its answers, and nobody else anything.
                let mut settled = pin!(AssertUnwindSafe(self.settle(batch)).catch_unwind());
                if timeout(OVERDUE_AFTER, &mut settled).await.is_err() {
                    tokio::spawn(Arc::clone(&self).work());
                    let _ = settled.await;
                    return;
                }
            }
        }
        .boxed()
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
