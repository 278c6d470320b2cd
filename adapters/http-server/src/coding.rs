//! The codings in which an answer may go out, and what they make of its tag: a compressed answer has other bytes, so it has
//! another tag (RFC 9110, 8.8.3.3), which names the same version.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

/// A coding of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Zstd,
}

impl Coding {
    pub(crate) const ALL: [Self; 2] = [Self::Gzip, Self::Zstd];

    /// Its name in `Accept-Encoding` and `Content-Encoding`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// The tag of an answer in this coding, made of its tag as it is. `None`: it is no tag.
    pub(crate) fn tagged(self, plain: &str) -> Option<String> {
        Some(format!("{}-{}\"", plain.strip_suffix('"')?, self.name()))
    }
}

/// What a tag is without its quotes and its coding.
pub(crate) fn untagged(tag: &str) -> &str {
    let plain = Coding::ALL.iter().find_map(|coding| tag.strip_suffix(coding.name())?.strip_suffix('-'));
    plain.unwrap_or(tag)
}

/// Compresses a body.
///
/// # Errors
/// The library refuses its own settings.
pub(crate) fn coded(coding: Coding, body: &[u8]) -> io::Result<Vec<u8>> {
    let room = Vec::with_capacity(body.len() / 4);
    match coding {
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(room, Compression::fast());
            encoder.write_all(body)?;
            encoder.finish()
        }
        Coding::Zstd => {
            // Its window is at most 2 MiB, of the 8 that a client must have (RFC 9659).
            let mut encoder = zstd::Encoder::new(room, zstd::DEFAULT_COMPRESSION_LEVEL)?;
            encoder.set_pledged_src_size(u64::try_from(body.len()).ok())?;
            encoder.write_all(body)?;
            encoder.finish()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_has_its_coding_and_loses_it_again() {
        assert_eq!(Coding::Gzip.tagged("\"abc\"").as_deref(), Some("\"abc-gzip\""));
        assert_eq!(Coding::Zstd.tagged("W/\"abc\"").as_deref(), Some("W/\"abc-zstd\""));
        assert_eq!(Coding::Gzip.tagged("abc"), None);
        for (tag, plain) in [
            ("abc-gzip", "abc"),
            ("abc-zstd", "abc"),
            ("abc", "abc"),
            ("gzip", "gzip"),
            ("abcgzip", "abcgzip"),
        ] {
            assert_eq!(untagged(tag), plain);
        }
    }
}
