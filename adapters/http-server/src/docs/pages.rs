//! Swagger UI and RapiDoc over the document. Their files come with `rocket_okapi`, so nothing is loaded from elsewhere.

use rocket::fairing::AdHoc;
use rocket::http::ContentType;
use rocket::response::content::RawHtml;
use rocket::{Route, State, get, routes};
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
            .mount("/", routes![swagger_page, rapidoc_page, openapi_json]))
    })
}

#[get("/api-docs")]
fn swagger_page() -> RawHtml<&'static str> {
    RawHtml(include_str!("swagger.html"))
}

#[get("/api-docs/rapidoc")]
fn rapidoc_page() -> RawHtml<&'static str> {
    RawHtml(include_str!("rapidoc.html"))
}

#[get("/api-docs/openapi.json")]
fn openapi_json(document: &State<Served>) -> (ContentType, &str) {
    (ContentType::JSON, &document.inner().0)
}
