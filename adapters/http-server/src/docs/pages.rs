//! Swagger UI and RapiDoc over the document. Their files come with `rocket_okapi`, so nothing is loaded from elsewhere.

use std::io::Cursor;
use std::sync::Arc;

use bytes::Bytes;
use rocket::config::LogLevel;
use rocket::fairing::AdHoc;
use rocket::http::uri::Origin;
use rocket::http::{ContentType, Header, Method, Status};
use rocket::local::asynchronous::Client;
use rocket::response::Response;
use rocket::response::content::RawHtml;
use rocket::route::{Handler, Outcome};
use rocket::{Config, Data, Request, Responder, Route, get, routes};
use rocket_okapi::rapidoc::{GeneralConfig, RapiDocConfig, make_rapidoc};
use rocket_okapi::settings::UrlObject;
use rocket_okapi::swagger_ui::{SwaggerUIConfig, make_swagger_ui};

use super::{Document, document};
use crate::front::{SharedFile, keep_file};

const DOCUMENT: &str = "/api-docs/openapi.json";

/// What the pages load besides their scripts.
const FILES: [&str; 3] =
    ["/api-docs/swagger-ui-bundle.js", "/api-docs/swagger-ui.css", "/api-docs/rapidoc/rapidoc-min.js"];

/// Mounts the documentation of a unit's API at `/api-docs`.
pub fn stage(which: Document) -> AdHoc {
    AdHoc::try_on_ignite("documentation", move |rocket| async move {
        let Ok(document) = document(which) else { return Err(rocket) };
        let Some(mut files) = files().await else { return Err(rocket) };
        files.push(route(DOCUMENT, ContentType::JSON, document));
        Ok(rocket
            .mount("/", files)
            .mount("/", routes![swagger_page, swagger_script, rapidoc_page, rapidoc_script]))
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

/// The files that come with `rocket_okapi`, which are read once: its own routes copy them for each request.
async fn files() -> Option<Vec<Route>> {
    let config = Config { log_level: LogLevel::Off, ..Config::release_default() };
    let swagger: Vec<Route> = make_swagger_ui(&SwaggerUIConfig::default()).into();
    // Its page, which is not ours, must have a document.
    let general = GeneralConfig { spec_urls: vec![UrlObject::new("", DOCUMENT)], ..GeneralConfig::default() };
    let rapidoc: Vec<Route> = make_rapidoc(&RapiDocConfig { general, ..RapiDocConfig::default() }).into();
    let theirs = rocket::custom(config).mount("/api-docs", swagger).mount("/api-docs/rapidoc", rapidoc);
    let theirs = Client::untracked(theirs).await.ok()?;
    let mut routes = Vec::new();
    for path in FILES {
        let answer = theirs.get(path).dispatch().await;
        let kind = answer.content_type()?;
        routes.push(route(path, kind, answer.into_bytes().await?));
    }
    Some(routes)
}

fn route(path: &str, kind: ContentType, bytes: impl Into<Bytes>) -> Route {
    Route::new(Method::Get, path, Served { kind, file: SharedFile::new(bytes) })
}

/// A file that is there once for all.
#[derive(Clone)]
struct Served {
    kind: ContentType,
    file: Arc<SharedFile>,
}

#[rocket::async_trait]
impl Handler for Served {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        if request.uri().path().ends_with('/') {
            return Outcome::forward(data, Status::NotFound);
        }
        keep_file(Arc::clone(&self.file));
        let bytes = self.file.plain().clone();
        let answer = Response::build()
            .header(self.kind.clone())
            .sized_body(bytes.len(), Cursor::new(bytes))
            .finalize();
        Outcome::Success(answer)
    }
}
