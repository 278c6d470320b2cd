use rocket::fairing::{AdHoc, Fairing};
use rocket::http::Header;

/// The header in which a proxy says by which scheme a request came.
pub(crate) const SCHEME: &str = "X-Forwarded-Proto";

/// An answer of the API is data: nothing in it is to be run or shown.
const DATA: &str = "default-src 'none'; frame-ancestors 'none'";

/// The pages load their own files and call the API. Both libraries write styles into the page.
const PAGES: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    connect-src 'self'; font-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A year: browsers come by TLS only from now on.
const BY_TLS_ONLY: &str = "max-age=31536000";

/// What browsers may do with answers.
pub(crate) struct Security {
    pub(super) behind_proxy: bool,
}

/// The kind of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Data,
    Page,
}

impl Security {
    /// The headers of an answer to a request that has these lines of [`SCHEME`].
    pub(crate) fn headers<'a>(
        &self,
        shown: Shown,
        schemes: impl Iterator<Item = &'a str>,
    ) -> impl Iterator<Item = (&'static str, &'static str)> {
        let policy = if shown == Shown::Page { PAGES } else { DATA };
        let by_tls = self.behind_proxy && came_by_tls(schemes);
        [
            ("Content-Security-Policy", policy),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
        ]
        .into_iter()
        .chain(by_tls.then_some(("Strict-Transport-Security", BY_TLS_ONLY)))
    }
}

pub(super) fn fairing() -> impl Fairing {
    AdHoc::on_response("security headers", |request, response| {
        Box::pin(async move {
            let Some(security) = request.rocket().state::<Security>() else { return };
            let page = response.content_type().is_some_and(|kind| kind.is_html());
            let shown = if page { Shown::Page } else { Shown::Data };
            for (name, value) in security.headers(shown, request.headers().get(SCHEME)) {
                response.set_header(Header::new(name, value));
            }
        })
    })
}

/// What the nearest proxy says: it ends TLS.
fn came_by_tls<'a>(schemes: impl Iterator<Item = &'a str>) -> bool {
    let last = schemes.last().and_then(|list| list.rsplit(',').next());
    last.is_some_and(|scheme| scheme.trim() == "https")
}
