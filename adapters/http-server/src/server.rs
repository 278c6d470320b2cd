use rocket::config::{LogLevel, Shutdown};
use rocket::fairing::{AdHoc, Fairing};
use rocket::http::Header;
use rocket::shield::{Permission, Shield};
use rocket::{Build, Config, Rocket};
use tokio_util::sync::CancellationToken;

use crate::call::RequestIds;
use crate::form_method::FormMethod;
use crate::front::LongAnswers;
use crate::{HttpMetrics, HttpSettings, access_log, catchers, prefix, traces, whole_bodies};

/// How long requests in flight have at a stop, in seconds.
const API_GRACE: u32 = 20;

/// An HTTP server with JSON errors and graceful shutdown, and nothing mounted.
pub(crate) fn bare(settings: HttpSettings, grace: u32) -> Rocket<Build> {
    let config = Config {
        address: settings.address,
        port: settings.port,
        log_level: LogLevel::Off,
        cli_colors: false,
        // Rocket would believe any client's `X-Real-IP`.
        ip_header: None,
        ident: rocket::config::Ident::none(),
        // Signals are the supervisor's. In-flight requests have `grace` seconds; a container has its own, longer deadline.
        shutdown: Shutdown {
            ctrlc: false,
            signals: [].into(),
            grace,
            mercy: 2,
            force: false,
            ..Shutdown::default()
        },
        ..Config::release_default()
    };
    // What keeps a browser from guessing types and from framing the pages. Of Rocket's own set this leaves out a header
    // against a tracking scheme that no browser has any more.
    let shield = Shield::default().disable::<Permission>();
    let answers = LongAnswers::of_mib(settings.long_answers_mib);
    rocket::custom(config).manage(settings).manage(answers).attach(shield).register("/", catchers::all())
}

/// The public HTTP server, without routes: stages are attached to it.
pub fn api(settings: HttpSettings, metrics: HttpMetrics) -> Rocket<Build> {
    bare(settings, API_GRACE)
        .attach(RequestIds)
        .attach(FormMethod)
        .attach(whole_bodies::fairing())
        .attach(metrics.clone())
        .attach(access_log::fairing())
        .attach(traces::fairing())
        .attach(prefix::fairing())
        .manage(metrics)
}

/// Answers with `Connection: close` once `leaving` is cancelled, so that clients go by themselves: a request that meets
/// the closing of its idle connection cannot be told from one whose answer was lost.
pub fn farewell(leaving: CancellationToken) -> impl Fairing {
    AdHoc::on_response("farewell", move |_, response| {
        let leaving = leaving.is_cancelled();
        Box::pin(async move {
            if leaving {
                response.set_header(Header::new("Connection", "close"));
            }
        })
    })
}
