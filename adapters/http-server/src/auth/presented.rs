//! Reading credentials from the head of a request.

use keeper_domain::{Invalid, Means};
use keeper_ports::access::Presented;
use rocket::http::HeaderMap;

use super::denied::unknown_scheme;
use crate::ApiError;

const AUTHORIZATION: &str = "Authorization";
pub(crate) const API_KEY: &str = "X-Api-Key";
/// What every API key begins with.
const KEY_PREFIX: &str = "ck_";

/// What the caller shows, if anything.
///
/// # Errors
/// A header is there twice or cannot be read, the two say different things, or the scheme is not ours.
pub(super) fn presented(headers: &HeaderMap<'_>) -> Result<Option<Presented>, ApiError> {
    let bearer = only(headers, AUTHORIZATION)?.map(bearer).transpose()?;
    let key = only(headers, API_KEY)?.map(|text| visible(API_KEY, text)).transpose()?;
    match (bearer, key) {
        (Some(bearer), Some(key)) if bearer != key => {
            Err(Invalid::new(API_KEY, "and Authorization are two different credentials; send one of them")
                .into())
        }
        (Some(bearer), None) if !bearer.starts_with(KEY_PREFIX) => {
            Ok(Some(Presented::new(Means::Token, bearer)))
        }
        (_, Some(text)) | (Some(text), None) => Ok(Some(Presented::new(Means::ApiKey, text))),
        (None, None) => Ok(None),
    }
}

fn only<'a>(headers: &'a HeaderMap<'_>, name: &'static str) -> Result<Option<&'a str>, ApiError> {
    let mut values = headers.get(name);
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Invalid::new(name, "must be given once").into()),
        (value, None) => Ok(value),
    }
}

fn bearer(value: &str) -> Result<&str, ApiError> {
    let (scheme, text) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(unknown_scheme());
    }
    visible(AUTHORIZATION, text.trim_start_matches(' '))
}

fn visible<'a>(name: &'static str, text: &'a str) -> Result<&'a str, ApiError> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Invalid::new(name, "must have one key or token of visible ASCII characters").into());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use keeper_telemetry::caller::CallerName;
    use rocket::http::Header;

    use super::*;

    /// The means and the text, or the status.
    fn read(headers: &[(&'static str, &'static str)]) -> Result<Option<(Means, String)>, u16> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.add(Header::new(*name, *value));
        }
        match presented(&map) {
            Ok(found) => Ok(found.map(|found| (found.means, found.expose().to_owned()))),
            Err(error) => Err(error.code.status()),
        }
    }

    #[test]
    fn credentials_are_found_in_either_header() {
        let key = |text: &str| Ok(Some((Means::ApiKey, text.to_owned())));
        let token = Ok(Some((Means::Token, "a.b.c".to_owned())));
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("Authorization", "Bearer a.b.c")]), token);
        assert_eq!(read(&[("authorization", "bEARER  a.b.c")]), token);
        assert_eq!(read(&[("Authorization", "Bearer ck_a_b_c")]), key("ck_a_b_c"));
        assert_eq!(read(&[("X-Api-Key", "ck_a_b_c")]), key("ck_a_b_c"));
        assert_eq!(read(&[("X-Api-Key", "a.b.c")]), key("a.b.c"));
        assert_eq!(read(&[("X-Api-Key", "ck_a"), ("Authorization", "Bearer ck_a")]), key("ck_a"));
    }

    #[test]
    fn what_cannot_be_read_is_the_clients_fault() {
        for (headers, status) in [
            (&[("Authorization", "Bearer")][..], 400),
            (&[("Authorization", "Bearer ")], 400),
            (&[("Authorization", "Bearer a b")], 400),
            (&[("Authorization", "Bearer ключ")], 400),
            (&[("Authorization", "")], 401),
            (&[("Authorization", "Basic YTpi")], 401),
            (&[("Authorization", "ck_a_b_c")], 401),
            (&[("X-Api-Key", "")], 400),
            (&[("X-Api-Key", "a\tb")], 400),
            (&[("X-Api-Key", "ck_a"), ("Authorization", "Bearer ck_b")], 400),
            (&[("X-Api-Key", "ck_a"), ("X-Api-Key", "ck_a")], 400),
            (&[("Authorization", "Bearer a"), ("Authorization", "Bearer a")], 400),
        ] {
            assert_eq!(read(headers), Err(status), "{headers:?}");
        }
    }

    /// Whatever is in the headers: no panic, never more than one credential, and nothing in it that was not sent or that
    /// a header or a line of a log could not hold.
    #[test]
    fn fuzz_headers() {
        const PIECES: &[&str] = &[
            " ", "Bearer", "bearer ", "ck_", "ck_a_b_c", "a.b.c", ".", "=", "\u{e9}", "\t", "Basic", ",",
            "\r\n", "\"",
        ];
        arbtest::arbtest(|random| {
            let mut map = HeaderMap::new();
            let mut values = Vec::new();
            for _ in 0..random.int_in_range(0..=3)? {
                let name = *random.choose(&["Authorization", "X-Api-Key", "authorization", "x-api-key"])?;
                let mut value = String::new();
                for _ in 0..random.int_in_range(0..=6)? {
                    value.push_str(random.choose(PIECES)?);
                    if random.ratio(1, 8)? {
                        value.push_str(random.arbitrary()?);
                    }
                }
                values.push(value.clone());
                map.add(Header::new(name, value));
            }
            match presented(&map) {
                Ok(None) => assert!(values.is_empty()),
                Ok(Some(found)) => {
                    let text = found.expose();
                    assert!(values.iter().all(|value| value.ends_with(text)), "{values:?}");
                    assert!(!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?}");
                }
                Err(error) => assert!(matches!(error.code.status(), 400 | 401), "{error:?}"),
            }
            Ok(())
        });
    }

    /// Whoever calls, their name is a header and a part of a line of a log.
    #[test]
    fn fuzz_names() {
        arbtest::arbtest(|random| {
            let name: String = random.arbitrary()?;
            let written = CallerName::new(&name);
            assert_eq!(CallerName::parse(written.as_str()).is_some(), !name.is_empty(), "{name:?}");
            let header: String = random.arbitrary()?;
            if let Some(read) = CallerName::parse(&header) {
                assert!(read.as_str().bytes().all(|byte| byte.is_ascii_graphic()), "{header:?}");
            }
            Ok(())
        });
    }
}
