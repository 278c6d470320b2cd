//! What the span of a request says of it, by OpenTelemetry's semantic conventions of HTTP.

use std::net::IpAddr;

use keeper_telemetry::span::Span;
use rocket::fairing::AdHoc;
use rocket::{Request, Response};

use crate::access_log::shortened;
use crate::call::CallInfo;

/// How the conventions name a method that they do not know.
pub(crate) const OTHER: &str = "_OTHER";

/// What is known of a request when it is answered.
pub(crate) struct Answered<'a> {
    /// As it was sent, or [`OTHER`].
    pub(crate) method: &'a str,
    /// The pattern of its path, `/api/movies/{id}`, if a route took it.
    pub(crate) route: Option<String>,
    pub(crate) path: &'a str,
    pub(crate) status: u16,
    pub(crate) client: Option<IpAddr>,
    /// The name and the port that the client called us by.
    pub(crate) server: Option<(String, Option<u16>)>,
}

/// Describes each request's span when it is answered; it ends with the request.
pub(crate) fn fairing() -> AdHoc {
    AdHoc::on_response("traces", |request, response| {
        let call = CallInfo::of(request);
        call.in_recorded_span(|span| answered(call, request, response).describe(span));
        Box::pin(std::future::ready(()))
    })
}

fn answered<'r>(call: &CallInfo, request: &'r Request<'_>, response: &Response<'_>) -> Answered<'r> {
    Answered {
        method: call.method().as_str(),
        route: request.route().map(|route| pattern(route.uri.path())),
        path: request.uri().path().as_str(),
        status: response.status().code,
        client: Some(call.client()),
        server: request.host().map(|host| (host.domain().to_string(), host.port())),
    }
}

/// Rocket's `/api/movies/<id>` as everybody writes it.
fn pattern(route: &str) -> String {
    route.replace("..>", "}").replace('<', "{").replace('>', "}")
}

impl Answered<'_> {
    /// Says all that to a span. Neither the query nor a header is in it: they may name a person, or open something.
    pub(crate) fn describe(self, span: &mut Span) {
        let method = if self.method == OTHER { "HTTP" } else { self.method };
        span.rename(match &self.route {
            Some(route) => format!("{method} {route}"),
            None => method.to_owned(),
        });
        span.set("http.request.method", self.method.to_owned());
        span.set("url.path", shortened(self.path).to_owned());
        span.set("url.scheme", "http");
        span.set("http.response.status_code", i64::from(self.status));
        if let Some(route) = self.route {
            span.set("http.route", route);
        }
        if let Some(client) = self.client {
            span.set("client.address", client.to_string());
        }
        if let Some((name, port)) = self.server {
            span.set("server.address", name);
            if let Some(port) = port {
                span.set("server.port", i64::from(port));
            }
        }
        // A client's fault is no failure of the server's.
        if self.status >= 500 {
            span.fail(self.status.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_written_as_everybody_writes_it() {
        for (rockets, ours) in [
            ("/api/movies", "/api/movies"),
            ("/api/movies/<id>", "/api/movies/{id}"),
            ("/api/operations/dead-letters/<id>/replay", "/api/operations/dead-letters/{id}/replay"),
            ("/api-docs/<path..>", "/api-docs/{path}"),
        ] {
            assert_eq!(pattern(rockets), ours);
        }
    }
}
