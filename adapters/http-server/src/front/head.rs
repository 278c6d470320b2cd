use hyper::Version;
use hyper::header::{HOST, HeaderMap, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use rocket::http::Method;

use super::method::method;
use super::refusal::Refusal;

/// The largest head, in bytes.
pub(super) const MAX_HEAD_BYTES: usize = 32 * 1024;

/// The header that must be text, since an order's identity is made of it.
const KEY: &str = "idempotency-key";

/// The longest path with its query, in bytes. Every server takes 8,000 (RFC 9110, 4.1).
const MAX_ADDRESS_BYTES: usize = 16 * 1024;

/// What can be said of a request by its head.
///
/// # Errors
/// The request is not valid HTTP, is too long or sent in a coding, or has a method that no address has.
pub(super) fn check(head: &Parts) -> Result<Method, Refusal> {
    // Hyper looks at the length only while a head is not complete.
    let address = head.uri.path_and_query().map_or("", |address| address.as_str());
    if address.len() > MAX_ADDRESS_BYTES {
        return Err(Refusal::AddressTooLong);
    }
    let lines = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    if address.len() + lines.sum::<usize>() > MAX_HEAD_BYTES {
        return Err(Refusal::HeadTooLarge);
    }
    if !has_host(&head.headers, head.version) {
        return Err(Refusal::NoHost);
    }
    if !is_plainly_sent(&head.headers) {
        return Err(Refusal::TransferCoding);
    }
    if !head.headers.get_all(KEY).iter().all(|value| std::str::from_utf8(value.as_bytes()).is_ok()) {
        return Err(Refusal::KeyNotText);
    }
    // `CONNECT host:port` and `OPTIONS *`, of which the address is none.
    if !address.starts_with('/') {
        return Err(Refusal::UnknownMethod);
    }
    method(head.method.as_str()).ok_or(Refusal::UnknownMethod)
}

/// Hyper undoes the chunks, and would leave any other coding in the body.
fn is_plainly_sent(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let chunked = codings.next().is_none_or(|line| line.as_bytes().eq_ignore_ascii_case(b"chunked"));
    chunked && codings.next().is_none()
}

/// One valid host, which may be empty (RFC 9112, 3.2). Before HTTP/1.1 there may be none.
fn has_host(headers: &HeaderMap, version: Version) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let valid = match hosts.next() {
        Some(host) => host.is_empty() || Authority::try_from(host.as_bytes()).is_ok(),
        None => version < Version::HTTP_11,
    };
    valid && hosts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_case_of_a_method_matters() {
        for known in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
            assert_eq!(method(known).map(Method::as_str), Some(known));
            assert_eq!(method(&known.to_lowercase()), None);
        }
        for unknown in ["", "Get", "GET ", "BREW"] {
            assert_eq!(method(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn chunks_are_the_only_coding() {
        for (lines, plain) in [
            (&[][..], true),
            (&["chunked"], true),
            (&["Chunked"], true),
            (&["gzip, chunked"], false),
            (&["gzip", "chunked"], false),
            (&["chunked, chunked"], false),
        ] {
            let headers: HeaderMap =
                lines.iter().map(|line| (TRANSFER_ENCODING, line.parse().unwrap())).collect();
            assert_eq!(is_plainly_sent(&headers), plain, "{lines:?}");
        }
    }
}
