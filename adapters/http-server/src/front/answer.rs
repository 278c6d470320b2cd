use std::sync::Arc;

use bytes::Bytes;
use hyper::header::HeaderMap;
use hyper::http::StatusCode;

use super::kept::Permit;
use super::shared_file::SharedFile;

/// An answer, in memory.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// The body's length; that of a HEAD's answer too, which has none.
    pub(super) size: Option<usize>,
    pub(super) body: Body,
    /// Its right to be there until it is written, if it is long.
    pub(super) permit: Option<Permit>,
}

/// The bytes of an answer.
pub(super) enum Body {
    /// Made for this one.
    Own(Vec<u8>),
    /// Of a file, which may be sent in a coding that is there already.
    File(Arc<SharedFile>),
    /// Of a file in a coding.
    Shared(Bytes),
}

impl Body {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::File(file) => file.plain(),
            Self::Shared(bytes) => bytes,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes().len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, which give something back when the last of them is written.
    pub(super) fn with<K: Send + 'static>(self, kept: K) -> Bytes {
        struct Keeping<B, K> {
            bytes: B,
            _kept: K,
        }
        impl<B: AsRef<[u8]>, K> AsRef<[u8]> for Keeping<B, K> {
            fn as_ref(&self) -> &[u8] {
                self.bytes.as_ref()
            }
        }
        match self {
            // An empty body is never written, so nothing would say when.
            Self::Own(bytes) if bytes.is_empty() => Bytes::new(),
            Self::Own(bytes) => Bytes::from_owner(Keeping { bytes, _kept: kept }),
            Self::File(file) => Bytes::from_owner(Keeping { bytes: file.plain().clone(), _kept: kept }),
            Self::Shared(bytes) => Bytes::from_owner(Keeping { bytes, _kept: kept }),
        }
    }
}
