use hyper::header::{ACCEPT_ENCODING, HeaderMap};

use crate::coding::Coding;
use crate::weights::weighted;

/// Which coding of an answer a client takes (RFC 9110, 12.5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepted {
    /// As it is.
    Plain,
    /// Compressed, where that is worth it.
    Coded(Coding),
    /// Compressed however short it is: the client refuses anything else.
    Only(Coding),
}

impl Accepted {
    /// Reads `Accept-Encoding`. What is not understood counts as not accepted; without the header nothing is compressed.
    pub(super) fn by(headers: &HeaderMap) -> Self {
        let (mut gzip, mut zstd, mut identity, mut others) = (None, None, None, None);
        let lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
        for (name, weight) in weighted(lines) {
            match name.to_ascii_lowercase().as_str() {
                "gzip" | "x-gzip" => gzip = Some(weight),
                "zstd" => zstd = Some(weight),
                "identity" => identity = Some(weight),
                "*" => others = Some(weight),
                _ => {}
            }
        }
        // `*` is said by clients that know only what is old.
        let (gzip, zstd) = (gzip.or(others).unwrap_or(0), zstd.unwrap_or(0));
        // Of two that are as welcome, zstd is smaller and cheaper.
        let (coding, best) = if zstd >= gzip { (Coding::Zstd, zstd) } else { (Coding::Gzip, gzip) };
        match identity.or(others) {
            _ if best == 0 => Self::Plain,
            Some(0) => Self::Only(coding),
            // `*` says nothing against the smaller one.
            Some(weight) if identity.is_some() && weight > best => Self::Plain,
            _ => Self::Coded(coding),
        }
    }

    /// The coding, if the client takes one.
    pub(super) fn coding(self) -> Option<Coding> {
        match self {
            Self::Plain => None,
            Self::Coded(coding) | Self::Only(coding) => Some(coding),
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn a_client_gets_what_it_takes() {
        let (gzip, zstd) = (Accepted::Coded(Coding::Gzip), Accepted::Coded(Coding::Zstd));
        let only_gzip = Accepted::Only(Coding::Gzip);
        for (header, accepted) in [
            ("", Accepted::Plain),
            ("gzip", gzip),
            ("GZip", gzip),
            ("x-gzip", gzip),
            ("gzip, deflate, br", gzip),
            ("deflate, gzip;q=1.0, *;q=0.5", gzip),
            ("gzip ; q=0.001", gzip),
            ("gzip;q=0", Accepted::Plain),
            ("gzip;q=0.000", Accepted::Plain),
            ("br, deflate", Accepted::Plain),
            ("identity", Accepted::Plain),
            ("*", gzip),
            ("*;q=0", Accepted::Plain),
            ("gzip;q=0, *", Accepted::Plain),
            ("gzip;q=0.5, identity", Accepted::Plain),
            ("gzip;q=0.5, identity;q=0.5", gzip),
            ("gzip, identity;q=0", only_gzip),
            ("gzip, *;q=0", only_gzip),
            ("identity;q=0, *", only_gzip),
            // Nothing that is there is accepted: as it is, which RFC 9110 allows.
            ("identity;q=0", Accepted::Plain),
            ("gzip;q=2", Accepted::Plain),
            ("gzip;q=", Accepted::Plain),
            ("gzip;q=0.5555", Accepted::Plain),
            ("gzip;q=-1", Accepted::Plain),
            (",,;;q=1,gzip", gzip),
            ("zstd", zstd),
            ("gzip, deflate, br, zstd", zstd),
            ("gzip, zstd;q=0.5", gzip),
            ("gzip;q=0.5, ZSTD;q=0.6", zstd),
            ("gzip, zstd;q=0", gzip),
            ("zstd;q=0.5, identity", Accepted::Plain),
            ("zstd, identity;q=0", Accepted::Only(Coding::Zstd)),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(header));
            assert_eq!(Accepted::by(&headers), accepted, "{header}");
        }
        assert_eq!(Accepted::by(&HeaderMap::new()), Accepted::Plain);
        let mut twice = HeaderMap::new();
        twice.append(ACCEPT_ENCODING, HeaderValue::from_static("br"));
        twice.append(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(Accepted::by(&twice), gzip);
    }
}
