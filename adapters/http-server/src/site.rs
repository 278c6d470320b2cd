//! What browsers and crawlers ask of every site.

use rocket::fairing::AdHoc;
use rocket::http::{ContentType, Header};
use rocket::{Responder, get, routes};

/// Mounts the icon and the rules for crawlers.
pub fn stage() -> AdHoc {
    AdHoc::on_ignite("site", |rocket| async move { rocket.mount("/", routes![icon, crawlers]) })
}

/// A file that stays the same from one release to the next.
#[derive(Responder)]
struct Kept<T> {
    content: T,
    lifetime: Header<'static>,
}

impl<T> Kept<T> {
    fn for_a_day(content: T) -> Self {
        Self { content, lifetime: Header::new("Cache-Control", "public, max-age=86400") }
    }
}

#[get("/favicon.ico")]
fn icon() -> Kept<(ContentType, &'static [u8])> {
    Kept::for_a_day((ContentType::Icon, include_bytes!("site/favicon.ico")))
}

/// There is nothing here for a search engine, and a walk through all pages of a list is a load.
#[get("/robots.txt")]
fn crawlers() -> Kept<&'static str> {
    Kept::for_a_day("User-agent: *\nDisallow: /\n")
}
