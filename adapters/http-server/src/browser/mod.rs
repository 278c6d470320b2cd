//! What browsers are told: which pages of other sites may call, and what our own pages may do.

mod cors;
mod preflight;
mod security;

use rocket::fairing::AdHoc;

pub(crate) use cors::Cors;
pub(crate) use security::{SCHEME, Security, Shown};

/// What browsers are told by a unit that is reached from outside.
#[derive(Debug, Clone, Default)]
pub struct BrowserSettings {
    /// The origins whose pages may call the API, each exactly as browsers write it.
    pub origins: Vec<String>,
    /// Whether there is a proxy in front whose word is believed that a request came by TLS.
    pub behind_proxy: bool,
}

/// Adds the headers to all answers, and answers the questions that browsers ask before a call.
pub fn stage(settings: BrowserSettings) -> AdHoc {
    AdHoc::on_ignite("browsers", move |rocket| async move {
        let BrowserSettings { origins, behind_proxy } = settings;
        let routes = if origins.is_empty() { Vec::new() } else { preflight::routes() };
        rocket
            .manage(Cors::new(origins))
            .manage(Security { behind_proxy })
            .attach(cors::fairing())
            .attach(security::fairing())
            .mount("/", routes)
    })
}
