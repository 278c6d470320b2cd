use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use keeper_ports::{PortError, PortResult};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::error;
use crate::opened_file::OpenedFile;

/// The most writes that are committed together.
const GROUP: usize = 256;

/// A change of the database: all of it happens, or nothing.
#[async_trait]
pub(crate) trait Write: Send + Sync + 'static {
    /// What it gives.
    type Output: Send + 'static;

    /// Makes the change within a transaction. It may be called again after the transaction was rolled back.
    async fn apply(&self, connection: &mut SqliteConnection) -> sqlx::Result<Self::Output>;
}

/// The only writer of a database in this process: a task that owns the connection.
///
/// Writes that come while it commits are committed together afterwards: a commit waits for the disk, and the disk
/// takes as long for one order as for a hundred.
#[derive(Debug, Clone)]
pub(crate) struct Writer {
    dependency: &'static str,
    jobs: mpsc::Sender<Box<dyn Job>>,
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
        let worker = Worker { dependency, file, options, connection: Some(connection) };
        let task = tokio::spawn(worker.run(incoming, stop.clone()));
        Self { dependency, jobs, stop, task: Arc::new(Mutex::new(Some(task))) }
    }

    pub(crate) async fn write<W: Write>(&self, write: W) -> PortResult<W::Output> {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Pending { write, output: None, reply });
        self.jobs.send(job).await.map_err(|_| self.gone())?;
        answer.await.map_err(|_| self.gone())?
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

/// A write that waits for its answer.
#[async_trait]
trait Job: Send {
    async fn apply(&mut self, connection: &mut SqliteConnection) -> sqlx::Result<()>;

    fn answer(self: Box<Self>, result: PortResult<()>);
}

struct Pending<W: Write> {
    write: W,
    output: Option<W::Output>,
    reply: oneshot::Sender<PortResult<W::Output>>,
}

#[async_trait]
impl<W: Write> Job for Pending<W> {
    async fn apply(&mut self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
        self.output = Some(self.write.apply(connection).await?);
        Ok(())
    }

    fn answer(self: Box<Self>, result: PortResult<()>) {
        let Self { output, reply, .. } = *self;
        if let Some(output) = result.map(|()| output).transpose() {
            // It fails when nobody waits any more: the caller was cancelled.
            let _ = reply.send(output);
        }
    }
}

struct Worker {
    dependency: &'static str,
    file: OpenedFile,
    options: SqliteConnectOptions,
    connection: Option<SqliteConnection>,
}

impl Worker {
    async fn run(
        mut self,
        mut incoming: mpsc::Receiver<Box<dyn Job>>,
        stop: CancellationToken,
    ) -> sqlx::Result<()> {
        let mut jobs = Vec::with_capacity(GROUP);
        loop {
            let received = tokio::select! {
                received = incoming.recv_many(&mut jobs, GROUP) => received,
                () = stop.cancelled(), if !incoming.is_closed() => {
                    incoming.close();
                    continue;
                }
            };
            if received == 0 {
                return self.close().await;
            }
            if jobs.len() > 1 && self.commit(&mut jobs).await.is_ok() {
                jobs.drain(..).for_each(|job| job.answer(Ok(())));
                continue;
            }
            // One alone, or one of them was refused: each by itself, so that none pays for another.
            for mut job in jobs.drain(..) {
                let result = self.commit(std::slice::from_mut(&mut job)).await;
                job.answer(result.map_err(|failure| error::meaning(self.dependency, failure)));
            }
        }
    }

    /// Leaves a database file that is whole by itself, if nobody else has it open.
    async fn close(self) -> sqlx::Result<()> {
        let mut connection = match self.connection {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        let emptied = empty_log(&mut connection).await;
        // The last connection of all takes the log away.
        connection.close().await.and(emptied)
    }

    /// Commits the jobs in one transaction, or none of them.
    async fn commit(&mut self, jobs: &mut [Box<dyn Job>]) -> sqlx::Result<()> {
        // A commit into a file that was deleted or replaced would be lost: it must not be confirmed.
        self.file.check()?;
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        let result = transaction(&mut connection, jobs).await;
        let undone = match &result {
            Ok(()) => true,
            // A full disk rolls back by itself, and then there is nothing to roll back; the connection is not kept.
            Err(failure) => {
                sqlx::query("ROLLBACK").execute(&mut connection).await.is_ok()
                    && error::is_callers_fault(failure)
            }
        };
        if undone {
            self.connection = Some(connection);
        }
        result
    }
}

/// Moves everything from the write-ahead log into the database file, on the disk, and leaves the log empty.
pub(crate) async fn empty_log(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(connection).await?;
    if row.try_get::<i64, _>(0)? != 0 {
        let why =
            "another process has it open: the newest data is in the file ending in -wal until that one ends";
        return Err(sqlx::Error::Io(std::io::Error::other(why)));
    }
    Ok(())
}

async fn transaction(connection: &mut SqliteConnection, jobs: &mut [Box<dyn Job>]) -> sqlx::Result<()> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    for job in jobs {
        job.apply(connection).await?;
    }
    sqlx::query("COMMIT").execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests;
