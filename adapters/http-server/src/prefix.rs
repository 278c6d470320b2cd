//! Addresses behind a proxy that serves the API under a path of its own, such as `/shop/`.

use rocket::fairing::AdHoc;
use rocket::http::{Header, RawStr};
use rocket::{Request, Response};

use crate::HttpSettings;

/// The header in which a proxy says which path it took away.
pub(crate) const PREFIX: &str = "X-Forwarded-Prefix";

/// The longest prefix that is taken, in bytes.
const LONGEST: usize = 256;

/// Puts the path that trusted proxies took away back into the addresses that an answer names in its headers.
pub(crate) fn fairing() -> AdHoc {
    AdHoc::on_response("forwarded prefix", |request, response| {
        if let Some(prefix) = of(request) {
            put_back(&prefix, response);
        }
        Box::pin(std::future::ready(()))
    })
}

fn put_back(prefix: &str, response: &mut Response<'_>) {
    if let Some(path) = response.headers().get_one("Location").filter(|path| path.starts_with('/')) {
        let address = format!("{prefix}{path}");
        response.set_header(Header::new("Location", address));
    }
    if let Some(link) = response.headers().get_one("Link").and_then(|link| link.strip_prefix("</")) {
        let link = format!("<{prefix}/{link}");
        response.set_header(Header::new("Link", link));
    }
}

/// The path that trusted proxies took away from a request.
pub(crate) fn of(request: &Request<'_>) -> Option<String> {
    prefix(request.headers().get(PREFIX), request.rocket().state::<HttpSettings>()?.prefix_proxies())
}

/// What the last so many proxies took away, the outermost first. Each appends its part; what is before the parts of those
/// that are trusted may be anybody's.
pub(crate) fn prefix<'a>(lines: impl Iterator<Item = &'a str>, trusted: usize) -> Option<String> {
    let parts: Vec<_> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let parts = &parts[parts.len().saturating_sub(trusted)..];
    let prefix: String = parts.iter().map(|part| part.trim_end_matches('/')).collect();
    is_path(&prefix).then_some(prefix)
}

/// A path that leads nowhere else: `//host` and `/../` would.
fn is_path(prefix: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+=:@".contains(&byte);
    prefix.len() <= LONGEST
        && prefix.bytes().all(plain)
        && prefix.strip_prefix('/').is_some_and(|parts| parts.split('/').all(is_part))
}

/// A name and nothing else, also for somebody who decodes it once more than it was encoded.
fn is_part(part: &str) -> bool {
    let Ok(name) = RawStr::new(part).percent_decode() else { return false };
    !matches!(&*name, "" | "." | "..")
        && !name.contains(|character: char| character.is_control() || matches!(character, '/' | '\\' | '%'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&'static str], trusted: usize) -> Option<String> {
        prefix(lines.iter().copied(), trusted)
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        for (lines, trusted, expected) in [
            (&[][..], 1, None),
            (&["/shop"], 0, None),
            (&["/shop"], 1, Some("/shop")),
            (&["/shop/"], 1, Some("/shop")),
            (&["/evil, /shop"], 1, Some("/shop")),
            (&["/evil", "/shop"], 1, Some("/shop")),
            (&["/outer", "/inner/"], 2, Some("/outer/inner")),
            (&["/evil, /outer", "/inner"], 2, Some("/outer/inner")),
            (&["/shop"], 5, Some("/shop")),
            (&["/a/b-c_d.e~%20"], 1, Some("/a/b-c_d.e~%20")),
            (&["/caf%C3%A9/..."], 1, Some("/caf%C3%A9/...")),
        ] {
            assert_eq!(of(lines, trusted).as_deref(), expected, "{lines:?} {trusted}");
        }
    }

    #[test]
    fn what_is_no_path_is_passed_over() {
        let long: &'static str = Box::leak(format!("/{}", "x".repeat(LONGEST)).into_boxed_str());
        for line in [
            "",
            "/",
            "shop",
            "//evil.example",
            "/a//b",
            "http://evil.example",
            "/../x",
            "/a/.",
            "/a b",
            "/a>b",
            "/a?b",
            "/a#b",
            "/a\\b",
            "/\u{e9}",
            "/%2e%2e/x",
            "/a/.%2E",
            "/%2e",
            "/%2F%2Fevil.example",
            "/a%2fb",
            "/%5cevil.example",
            "/%0d%0aSet-Cookie:a=b",
            "/a%00",
            "/%C2%85",
            "/%252e%252e/x",
            "/%ff",
            "/%",
            "/%2",
            "/%zz",
            long,
        ] {
            assert_eq!(of(&[line], 1), None, "{line}");
        }
    }
}
