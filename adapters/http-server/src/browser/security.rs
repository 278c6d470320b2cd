use rocket::Request;
use rocket::fairing::{AdHoc, Fairing};
use rocket::http::Header;

/// An answer of the API is data: nothing in it is to be run or shown.
const DATA: &str = "default-src 'none'; frame-ancestors 'none'";

/// The pages load their own files and call the API. Both libraries write styles into the page.
const PAGES: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    connect-src 'self'; font-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A year: browsers come by TLS only from now on.
const BY_TLS_ONLY: &str = "max-age=31536000";

pub(super) fn fairing(behind_proxy: bool) -> impl Fairing {
    AdHoc::on_response("security headers", move |request, response| {
        Box::pin(async move {
            let page = response.content_type().is_some_and(|kind| kind.is_html());
            let policy = if page { PAGES } else { DATA };
            response.set_header(Header::new("Content-Security-Policy", policy));
            response.set_header(Header::new("Referrer-Policy", "no-referrer"));
            response.set_header(Header::new("X-Content-Type-Options", "nosniff"));
            response.set_header(Header::new("X-Frame-Options", "DENY"));
            if behind_proxy && came_by_tls(request) {
                response.set_header(Header::new("Strict-Transport-Security", BY_TLS_ONLY));
            }
        })
    })
}

/// What the nearest proxy says: it ends TLS.
fn came_by_tls(request: &Request<'_>) -> bool {
    let last = request.headers().get("X-Forwarded-Proto").last();
    last.and_then(|list| list.rsplit(',').next()).is_some_and(|scheme| scheme.trim() == "https")
}
