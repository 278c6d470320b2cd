//! Swagger UI and RapiDoc over the document. Their files come with `rocket_okapi`, so nothing is loaded from elsewhere.

use rocket::fairing::AdHoc;
use rocket::http::uri::Origin;
use rocket::http::{ContentType, Header, Status};
use rocket::response::content::RawHtml;
use rocket::{Responder, Route, State, get, routes};
use rocket_okapi::rapidoc::{GeneralConfig, RapiDocConfig, make_rapidoc};
use rocket_okapi::settings::UrlObject;
use rocket_okapi::swagger_ui::{SwaggerUIConfig, make_swagger_ui};

use super::{Document, document};

const DOCUMENT: &str = "/api-docs/openapi.json";

struct Served(String);

/// Mounts the documentation of a unit's API at `/api-docs`.
pub fn stage(which: Document) -> AdHoc {
    AdHoc::try_on_ignite("documentation", move |rocket| async move {
        let Ok(document) = document(which) else { return Err(rocket) };
        let files = |routes: Vec<Route>, wanted: &'static [&str]| {
            routes.into_iter().filter(|route| wanted.contains(&route.uri.path())).collect::<Vec<_>>()
        };
        let swagger =
            make_swagger_ui(&SwaggerUIConfig { url: DOCUMENT.into(), ..SwaggerUIConfig::default() });
        let rapidoc = make_rapidoc(&RapiDocConfig {
            general: GeneralConfig {
                spec_urls: vec![UrlObject::new("", DOCUMENT)],
                ..GeneralConfig::default()
            },
            ..RapiDocConfig::default()
        });
        Ok(rocket
            .manage(Served(document))
            .mount("/api-docs", files(swagger.into(), &["/swagger-ui-bundle.js", "/swagger-ui.css"]))
            .mount("/api-docs/rapidoc", files(rapidoc.into(), &["/rapidoc-min.js"]))
            .mount("/", routes![swagger_page, swagger_script, rapidoc_page, rapidoc_script, openapi_json]))
    })
}

#[get("/api-docs")]
fn swagger_page(address: &Origin<'_>) -> Page {
    page(address, include_str!("swagger.html"), "../api-docs")
}

/// A file of its own: the page may run no script that is written into it.
#[get("/api-docs/swagger.js")]
fn swagger_script() -> (ContentType, &'static str) {
    (ContentType::JavaScript, include_str!("swagger.js"))
}

/// The same.
#[get("/api-docs/rapidoc.js")]
fn rapidoc_script() -> (ContentType, &'static str) {
    (ContentType::JavaScript, include_str!("rapidoc.js"))
}

#[get("/api-docs/rapidoc")]
fn rapidoc_page(address: &Origin<'_>) -> Page {
    page(address, include_str!("rapidoc.html"), "../rapidoc")
}

type Page = Result<RawHtml<&'static str>, (Status, Moved)>;

/// Where a page is, as seen from its address with a slash at the end.
#[derive(Responder)]
struct Moved(&'static str, Header<'static>);

/// A page, or where it is: what it loads is relative to its address without a slash at the end.
fn page(address: &Origin<'_>, text: &'static str, without_slash: &'static str) -> Page {
    if address.path().ends_with('/') {
        return Err((Status::PermanentRedirect, Moved("", Header::new("Location", without_slash))));
    }
    Ok(RawHtml(text))
}

#[get("/api-docs/openapi.json")]
fn openapi_json(document: &State<Served>) -> (ContentType, &str) {
    (ContentType::JSON, &document.inner().0)
}
