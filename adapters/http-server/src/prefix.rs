//! Addresses behind a proxy that serves the API under a path of its own, such as `/shop/`.

use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::{Header, HeaderMap};
use rocket::{Request, Response};

/// The header in which a proxy says which path it took away.
const PREFIX: &str = "X-Forwarded-Prefix";

/// The longest prefix that is taken, in bytes.
const LONGEST: usize = 256;

/// Puts the path that trusted proxies took away back into the addresses that an answer names in its headers.
pub(crate) struct ForwardedPrefix {
    /// So many proxies, counted from us, say what is true.
    pub(crate) trusted_proxies: usize,
}

#[rocket::async_trait]
impl Fairing for ForwardedPrefix {
    fn info(&self) -> Info {
        Info { name: "forwarded prefix", kind: Kind::Response }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let Some(prefix) = prefix(request.headers(), self.trusted_proxies) else { return };
        if let Some(path) = response.headers().get_one("Location").filter(|path| path.starts_with('/')) {
            let address = format!("{prefix}{path}");
            response.set_header(Header::new("Location", address));
        }
        if let Some(link) = response.headers().get_one("Link").and_then(|link| link.strip_prefix("</")) {
            let link = format!("<{prefix}/{link}");
            response.set_header(Header::new("Link", link));
        }
    }
}

/// What the last so many proxies took away, the outermost first. Each appends its part; what is before the parts of those
/// that are trusted may be anybody's.
fn prefix(headers: &HeaderMap<'_>, trusted: usize) -> Option<String> {
    let parts: Vec<_> = headers.get(PREFIX).flat_map(|line| line.split(',')).map(str::trim).collect();
    let parts = &parts[parts.len().saturating_sub(trusted)..];
    let prefix: String = parts.iter().map(|part| part.trim_end_matches('/')).collect();
    is_path(&prefix).then_some(prefix)
}

/// A path that leads nowhere else: `//host` and `/../` would.
fn is_path(prefix: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+=:@".contains(&byte);
    prefix.starts_with('/')
        && prefix.len() <= LONGEST
        && prefix.bytes().all(plain)
        && prefix.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&'static str], trusted: usize) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.add(Header::new(PREFIX, *line));
        }
        prefix(&headers, trusted)
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
            long,
        ] {
            assert_eq!(of(&[line], 1), None, "{line}");
        }
    }
}
