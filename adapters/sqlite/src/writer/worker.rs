use keeper_ports::chain;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::condition::Condition;
use super::job::Job;
use crate::error;
use crate::opened_file::OpenedFile;

/// The most writes that are committed together.
pub(super) const GROUP: usize = 256;

/// What makes the writes of a database.
pub(super) struct Worker {
    pub(super) dependency: &'static str,
    pub(super) file: OpenedFile,
    pub(super) options: SqliteConnectOptions,
    pub(super) connection: Option<SqliteConnection>,
    pub(super) condition: Condition,
}

impl Worker {
    pub(super) async fn run(
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
            let _busy = self.condition.begin();
            self.settle(&mut jobs).await;
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

    /// Makes the writes, and answers all of them.
    async fn settle(&mut self, jobs: &mut Vec<Box<dyn Job>>) {
        match self.commit(jobs).await {
            Ok(()) => return jobs.drain(..).for_each(|job| job.answer(Ok(()))),
            // What is the store's fault would fail for each of them.
            Err(failure) if jobs.len() < 2 || error::is_of_the_store(&failure) => {
                return self.refuse(jobs, failure);
            }
            Err(_) => {}
        }
        // One of them was refused: each by itself, so that none pays for another.
        let mut jobs = jobs.drain(..);
        while let Some(job) = jobs.next() {
            let mut these = vec![job];
            match self.commit(&mut these).await {
                Ok(()) => these.drain(..).for_each(|job| job.answer(Ok(()))),
                Err(failure) => {
                    if error::is_of_the_store(&failure) {
                        these.extend(jobs.by_ref());
                    }
                    self.refuse(&mut these, failure);
                }
            }
        }
    }

    fn refuse(&self, jobs: &mut Vec<Box<dyn Job>>, failure: sqlx::Error) {
        let error = error::meaning(self.dependency, failure);
        jobs.drain(..).for_each(|job| job.answer(Err(error.again())));
    }

    /// Commits the jobs in one transaction, or none of them. Those that nobody waits for any more are left out.
    async fn commit(&mut self, jobs: &mut Vec<Box<dyn Job>>) -> sqlx::Result<()> {
        let result = self.try_to_commit(jobs).await;
        match &result {
            Ok(()) => self.condition.succeeded(),
            Err(failure) if error::is_of_the_store(failure) => self.condition.failed(chain(failure)),
            Err(_) => {}
        }
        result
    }

    async fn try_to_commit(&mut self, jobs: &mut Vec<Box<dyn Job>>) -> sqlx::Result<()> {
        // A commit into a file that was deleted or replaced would be lost: it must not be confirmed.
        self.file.check()?;
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        let result = transaction(&mut connection, jobs, self.condition.has_failed()).await;
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

/// Makes the writes. A trial writes in any case: a write that changes nothing needs no room on the disk.
async fn transaction(
    connection: &mut SqliteConnection,
    jobs: &mut Vec<Box<dyn Job>>,
    is_trial: bool,
) -> sqlx::Result<()> {
    // Here another process is waited for; whoever gives up meanwhile has written nothing.
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    jobs.retain_mut(|job| job.begin());
    if is_trial {
        // A number that nobody reads.
        sqlx::query("PRAGMA user_version = 0").execute(&mut *connection).await?;
    }
    for job in jobs {
        job.apply(connection).await?;
    }
    sqlx::query("COMMIT").execute(connection).await?;
    Ok(())
}

/// Moves everything from the write-ahead log into the database file, on the disk, and leaves the log empty.
async fn empty_log(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(connection).await?;
    if row.try_get::<i64, _>(0)? != 0 {
        let why =
            "another process has it open: the newest data is in the file ending in -wal until that one ends";
        return Err(sqlx::Error::Io(std::io::Error::other(why)));
    }
    Ok(())
}
