use hyper::header::{ACCEPT_ENCODING, HeaderMap};

use crate::weights::weighted;

/// Which codings of an answer a client takes (RFC 9110, 12.5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// As it is.
    Identity,
    /// Compressed, where that is worth it.
    Gzip,
    /// Compressed however short it is: the client refuses anything else.
    OnlyGzip,
}

impl Coding {
    /// Reads `Accept-Encoding`. What is not understood counts as not accepted; without the header nothing is compressed.
    pub(super) fn accepted(headers: &HeaderMap) -> Self {
        let (mut gzip, mut identity, mut others) = (None, None, None);
        let lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
        for (name, weight) in weighted(lines) {
            match name.to_ascii_lowercase().as_str() {
                "gzip" | "x-gzip" => gzip = Some(weight),
                "identity" => identity = Some(weight),
                "*" => others = Some(weight),
                _ => {}
            }
        }
        let gzip = gzip.or(others).unwrap_or(0);
        match identity.or(others) {
            _ if gzip == 0 => Self::Identity,
            Some(0) => Self::OnlyGzip,
            // `*` says nothing against the smaller one.
            Some(weight) if identity.is_some() && weight > gzip => Self::Identity,
            _ => Self::Gzip,
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn a_client_gets_what_it_takes() {
        for (header, coding) in [
            ("", Coding::Identity),
            ("gzip", Coding::Gzip),
            ("GZip", Coding::Gzip),
            ("x-gzip", Coding::Gzip),
            ("gzip, deflate, br, zstd", Coding::Gzip),
            ("deflate, gzip;q=1.0, *;q=0.5", Coding::Gzip),
            ("gzip ; q=0.001", Coding::Gzip),
            ("gzip;q=0", Coding::Identity),
            ("gzip;q=0.000", Coding::Identity),
            ("br, deflate", Coding::Identity),
            ("identity", Coding::Identity),
            ("*", Coding::Gzip),
            ("*;q=0", Coding::Identity),
            ("gzip;q=0, *", Coding::Identity),
            ("gzip;q=0.5, identity", Coding::Identity),
            ("gzip;q=0.5, identity;q=0.5", Coding::Gzip),
            ("gzip, identity;q=0", Coding::OnlyGzip),
            ("gzip, *;q=0", Coding::OnlyGzip),
            ("identity;q=0, *", Coding::OnlyGzip),
            // Nothing that is there is accepted: as it is, which RFC 9110 allows.
            ("identity;q=0", Coding::Identity),
            ("gzip;q=2", Coding::Identity),
            ("gzip;q=", Coding::Identity),
            ("gzip;q=0.5555", Coding::Identity),
            ("gzip;q=-1", Coding::Identity),
            (",,;;q=1,gzip", Coding::Gzip),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(header));
            assert_eq!(Coding::accepted(&headers), coding, "{header}");
        }
        assert_eq!(Coding::accepted(&HeaderMap::new()), Coding::Identity);
        let mut twice = HeaderMap::new();
        twice.append(ACCEPT_ENCODING, HeaderValue::from_static("br"));
        twice.append(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(Coding::accepted(&twice), Coding::Gzip);
    }
}
