use std::sync::Arc;

use bytes::Bytes;
use reqwest::Response;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What all long answers of a service may take at the same time, in KiB: 96 MiB, far more than ours are.
const ROOM: usize = 96 * 1024;

/// What is longer is a long answer, in bytes.
const LONGEST_SHORT: usize = 64 * 1024;

/// Why a request has no answer.
#[derive(Debug, Error)]
pub(crate) enum Unanswered {
    #[error(transparent)]
    Interrupted(#[from] reqwest::Error),
    #[error("it answers more than a service of ours does")]
    TooLong,
}

/// The body of an answer.
pub(crate) struct Body {
    bytes: Bytes,
    /// Given back when the body is read.
    _permit: Option<OwnedSemaphorePermit>,
}

impl Body {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The room for the long answers of a service, so that one that answers without end costs no memory without end.
#[derive(Debug, Clone)]
pub(crate) struct Room(Arc<Semaphore>);

impl Room {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(ROOM)))
    }

    /// Reads an answer's body to its end.
    ///
    /// # Errors
    /// It breaks off, or there is no room for it.
    pub(crate) async fn read(&self, mut response: Response) -> Result<Body, Unanswered> {
        let announced = response.content_length().and_then(|length| usize::try_from(length).ok());
        let announced = announced.unwrap_or(0);
        let mut permit = None;
        self.cover(&mut permit, announced)?;
        let Some(first) = response.chunk().await? else {
            return Ok(Body { bytes: Bytes::new(), _permit: None });
        };
        let Some(mut next) = response.chunk().await? else {
            return Ok(Body { bytes: first, _permit: permit });
        };
        let mut body = Vec::with_capacity(announced.max(first.len() + next.len()));
        body.extend_from_slice(&first);
        loop {
            self.cover(&mut permit, body.len() + next.len())?;
            body.extend_from_slice(&next);
            match response.chunk().await? {
                Some(chunk) => next = chunk,
                None => return Ok(Body { bytes: body.into(), _permit: permit }),
            }
        }
    }

    /// Has the permit be for so many bytes at least.
    fn cover(&self, permit: &mut Option<OwnedSemaphorePermit>, bytes: usize) -> Result<(), Unanswered> {
        let has = permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if bytes <= LONGEST_SHORT.max(has * 1024) {
            return Ok(());
        }
        // Twice as much as there is, as memory grows.
        let wanted = bytes.div_ceil(1024).max(2 * has) - has;
        let wanted = u32::try_from(wanted).map_err(|_| Unanswered::TooLong)?;
        let more = Arc::clone(&self.0).try_acquire_many_owned(wanted).map_err(|_| Unanswered::TooLong)?;
        match permit {
            Some(permit) => permit.merge(more),
            None => *permit = Some(more),
        }
        Ok(())
    }
}
