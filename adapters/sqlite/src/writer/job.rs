use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use keeper_ports::PortResult;
use sqlx::SqliteConnection;
use tokio::sync::oneshot;

/// A change of the database: all of it happens, or nothing.
#[async_trait]
pub(crate) trait Write: Send + Sync + 'static {
    /// What it gives.
    type Output: Send + 'static;

    /// Makes the change within a transaction. It may be called again after the transaction was rolled back.
    async fn apply(&self, connection: &mut SqliteConnection) -> sqlx::Result<Self::Output>;
}

/// A write that waits for its answer.
#[async_trait]
pub(super) trait Job: Send {
    /// Says whether somebody still waits. From then on nobody can take it back.
    fn begin(&mut self) -> bool;

    async fn apply(&mut self, connection: &mut SqliteConnection) -> sqlx::Result<()>;

    fn answer(self: Box<Self>, result: PortResult<()>);
}

/// Whether a write has been begun, or taken back: whoever comes first decides. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Claim(Arc<AtomicBool>);

impl Claim {
    /// Succeeds once.
    pub(super) fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

pub(super) struct Pending<W: Write> {
    write: W,
    output: Option<W::Output>,
    claim: Claim,
    has_begun: bool,
    reply: oneshot::Sender<PortResult<W::Output>>,
}

impl<W: Write> Pending<W> {
    pub(super) fn new(write: W, claim: Claim, reply: oneshot::Sender<PortResult<W::Output>>) -> Self {
        Self { write, output: None, claim, has_begun: false, reply }
    }
}

#[async_trait]
impl<W: Write> Job for Pending<W> {
    fn begin(&mut self) -> bool {
        self.has_begun = self.has_begun || self.claim.take();
        self.has_begun && !self.reply.is_closed()
    }

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
