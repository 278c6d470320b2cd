use std::net::Ipv4Addr;

use keeper_http_server::{HttpMetrics, HttpSettings, ManagementSettings, api};
use prometheus::Registry;
use rocket::fairing::AdHoc;
use rocket::http::{ContentType, Method, Status};
use rocket::local::asynchronous::{Client, LocalResponse};
use serde_json::Value;

pub(crate) const SETTINGS: HttpSettings = HttpSettings::at(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 3000);

pub(crate) const MANAGEMENT: ManagementSettings =
    ManagementSettings { address: std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port: 3100 };

/// A client of the server with some stages.
pub(crate) async fn client(stages: impl IntoIterator<Item = AdHoc>) -> Client {
    client_with(SETTINGS, stages).await
}

/// A client of the server with settings and stages.
pub(crate) async fn client_with(settings: HttpSettings, stages: impl IntoIterator<Item = AdHoc>) -> Client {
    let metrics = HttpMetrics::register(&Registry::new()).unwrap();
    let rocket = stages.into_iter().fold(api(settings, metrics), rocket::Rocket::attach);
    Client::untracked(rocket).await.unwrap()
}

/// An answer, read in full.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    headers: Vec<(String, String)>,
}

impl Answer {
    async fn read(response: LocalResponse<'_>) -> Self {
        let Status { code: status } = response.status();
        assert_eq!(response.content_type(), Some(ContentType::JSON), "every answer is JSON");
        let headers = response
            .headers()
            .iter()
            .map(|header| (header.name.to_string(), header.value.to_string()))
            .collect();
        let text = response.into_string().await.unwrap();
        Self { status, body: serde_json::from_str(&text).unwrap(), headers }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(is, _)| is.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Checks that this is an error of the one shape.
    pub(crate) fn assert_error(&self, status: u16, code: &str, field: Option<&str>) {
        assert_eq!(self.status, status, "{}", self.body);
        assert_eq!(self.body["code"], code, "{}", self.body);
        assert_eq!(self.body.get("field").and_then(Value::as_str), field, "{}", self.body);
        assert!(!self.body["message"].as_str().unwrap().is_empty());
        assert_eq!(self.body["request_id"].as_str(), self.header("X-Request-Id"), "{}", self.body);
        let known = ["message", "code", "request_id", "field"];
        assert!(
            self.body.as_object().unwrap().keys().all(|key| known.contains(&key.as_str())),
            "{}",
            self.body
        );
    }
}

pub(crate) async fn get(client: &Client, uri: &str) -> Answer {
    Answer::read(client.get(uri).dispatch().await).await
}

pub(crate) async fn send(client: &Client, method: Method, uri: &str, body: &str) -> Answer {
    send_as(client, method, uri, body, "application/json", &[]).await
}

pub(crate) async fn send_as(
    client: &Client,
    method: Method,
    uri: &str,
    body: &str,
    content_type: &str,
    headers: &[(&'static str, &str)],
) -> Answer {
    let mut request = client.req(method, uri).body(body);
    if !content_type.is_empty() {
        request.add_header(rocket::http::Header::new("Content-Type", content_type.to_owned()));
    }
    for (name, value) in headers {
        request.add_header(rocket::http::Header::new(*name, (*value).to_owned()));
    }
    Answer::read(request.dispatch().await).await
}
