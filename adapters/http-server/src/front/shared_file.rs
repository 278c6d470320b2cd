use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::coding::{Coding, coded};

/// A file that stays the same as long as the unit runs. Its bytes are there once for all who are sent it, and once in each
/// coding that somebody has asked for.
#[derive(Debug)]
pub(crate) struct SharedFile {
    plain: Bytes,
    gzip: OnceCell<Bytes>,
    zstd: OnceCell<Bytes>,
}

impl SharedFile {
    pub(crate) fn new(plain: impl Into<Bytes>) -> Arc<Self> {
        Arc::new(Self { plain: plain.into(), gzip: OnceCell::new(), zstd: OnceCell::new() })
    }

    pub(crate) fn plain(&self) -> &Bytes {
        &self.plain
    }

    /// The file in this coding. The first who asks has it compressed.
    pub(super) async fn coded(&self, coding: Coding) -> io::Result<Bytes> {
        let cell = match coding {
            Coding::Gzip => &self.gzip,
            Coding::Zstd => &self.zstd,
        };
        let compress = async || {
            let plain = self.plain.clone();
            let compressed = spawn_blocking(move || coded(coding, &plain)).await;
            compressed.map_err(io::Error::other)?.map(Bytes::from)
        };
        cell.get_or_try_init(compress).await.cloned()
    }
}
