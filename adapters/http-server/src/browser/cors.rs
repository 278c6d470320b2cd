use rocket::fairing::{AdHoc, Fairing};
use rocket::http::{Header, HeaderMap};

/// What a page may read of an answer.
const EXPOSED: &str = "ETag, Link, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Deleted-Count, X-Request-Id";

/// The origins whose pages may call (Fetch standard, CORS).
pub(crate) struct Cors(Vec<String>);

impl Cors {
    pub(super) fn new(origins: Vec<String>) -> Self {
        Self(origins)
    }

    /// The origin, if its pages may call. It is compared as it is written: a part of it is another origin.
    pub(super) fn allowed<'a>(&self, headers: &'a HeaderMap<'_>) -> Option<&'a str> {
        let mut origins = headers.get("Origin");
        let origin = origins.next()?;
        (origins.next().is_none() && self.is_allowed(origin)).then_some(origin)
    }

    fn is_allowed(&self, origin: &str) -> bool {
        self.0.iter().any(|allowed| allowed == origin)
    }

    /// The headers of an answer to a page of this origin: without them a browser hides the answer, errors too.
    pub(crate) fn headers(&self, origin: Option<&str>) -> Vec<(&'static str, String)> {
        if self.0.is_empty() {
            return Vec::new();
        }
        // What is answered to one origin must not be kept for another.
        let mut headers = vec![("Vary", "Origin".to_owned())];
        if let Some(origin) = origin.filter(|origin| self.is_allowed(origin)) {
            headers.push(("Access-Control-Allow-Origin", origin.to_owned()));
            headers.push(("Access-Control-Expose-Headers", EXPOSED.to_owned()));
        }
        headers
    }
}

pub(super) fn fairing() -> impl Fairing {
    AdHoc::on_response("cross-origin headers", |request, response| {
        Box::pin(async move {
            let Some(cors) = request.rocket().state::<Cors>() else { return };
            for (name, value) in cors.headers(cors.allowed(request.headers())) {
                response.adjoin_header(Header::new(name, value));
            }
        })
    })
}
