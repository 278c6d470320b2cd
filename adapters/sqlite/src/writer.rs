mod condition;
mod job;
mod worker;

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use keeper_ports::{PortError, PortResult};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteConnectOptions;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::condition::{Condition, PATIENCE};
pub(crate) use self::job::Write;
use self::job::{Claim, Job, Pending};
use self::worker::{GROUP, Worker};
use crate::error;
use crate::opened_file::OpenedFile;

/// How long a write may take that has been begun.
const LONGEST_WRITE: Duration = Duration::from_secs(30);

/// The only writer of a database in this process: a task that owns the connection.
///
/// Writes that come while it commits are committed together afterwards: a commit waits for the disk, and the disk
/// takes as long for one order as for a hundred.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    dependency: &'static str,
    jobs: mpsc::Sender<Box<dyn Job>>,
    condition: Condition,
    stop: CancellationToken,
    task: Arc<Mutex<Option<JoinHandle<sqlx::Result<()>>>>>,
}

impl Writer {
    /// Starts the task; it ends when it is closed, or when the last writer is dropped.
    pub(crate) fn start(
        dependency: &'static str,
        file: OpenedFile,
        options: SqliteConnectOptions,
        connection: SqliteConnection,
    ) -> Self {
        let (jobs, incoming) = mpsc::channel(4 * GROUP);
        let stop = CancellationToken::new();
        let condition = Condition::default();
        let worker =
            Worker { dependency, file, options, connection: Some(connection), condition: condition.clone() };
        let task = tokio::spawn(worker.run(incoming, stop.clone()));
        Self { dependency, jobs, condition, stop, task: Arc::new(Mutex::new(Some(task))) }
    }

    /// Makes a write, together with others.
    ///
    /// # Errors
    /// Those of the store. `Unavailable` also while writes do not go through, and when it could not be begun for so long: it is
    /// not made then. `TimedOut` when it was begun and has not ended.
    pub(crate) async fn write<W: Write>(&self, write: W) -> PortResult<W::Output> {
        let unavailable = |why| PortError::unavailable(self.dependency, why);
        let admitted = self.condition.admit().map_err(unavailable)?;
        let (reply, answer) = oneshot::channel();
        let claim = Claim::default();
        let job = Box::new(Pending::new(write, claim.clone(), reply));
        let mut answered = pin!(async {
            self.jobs.send(job).await.map_err(|_| self.gone())?;
            answer.await.map_err(|_| self.gone())?
        });
        if let Ok(result) = timeout(admitted.patience, &mut answered).await {
            return result;
        }
        if claim.take() {
            return Err(unavailable("the writes before it do not come to their end".to_owned()));
        }
        let late = |_| PortError::timed_out(self.dependency, "the write does not come to its end");
        timeout(LONGEST_WRITE, answered).await.map_err(late)?
    }

    /// Says whether writes go through. While they do not, it tries one.
    pub(crate) async fn check(&self) -> PortResult<()> {
        if self.condition.ailment().is_some() {
            // How it ends is seen below.
            let _ = timeout(PATIENCE / 2, self.write(Nothing)).await;
        }
        self.condition.ailment().map_or(Ok(()), |why| Err(PortError::unavailable(self.dependency, why)))
    }

    /// Takes no more writes, commits those that are waiting, moves everything from the write-ahead log into the database
    /// file, and closes the connection. Nobody may be reading any more. A second call does nothing.
    pub(crate) async fn close(&self) -> PortResult<()> {
        self.stop.cancel();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(task) = task else { return Ok(()) };
        let closed = task.await.map_err(|error| PortError::failed(self.dependency, error))?;
        closed.map_err(|failure| error::meaning(self.dependency, failure))
    }

    fn gone(&self) -> PortError {
        PortError::unavailable(self.dependency, "its writer has stopped")
    }
}

/// A trial.
struct Nothing;

#[async_trait]
impl Write for Nothing {
    type Output = ();

    async fn apply(&self, _connection: &mut SqliteConnection) -> sqlx::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
