use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use serde_json::Value;

use super::{Directory, Launch, Process, eventually, free_port, keep_secret, system};

/// An issuer as others run them: `oauth2-mock-server` on Node, with discovery, keys and a token endpoint. It can be away, and
/// have more keys. `CODE_KEEPER_OIDC` names the folder of the package.
#[derive(Debug)]
pub struct OidcIssuer {
    port: u16,
    control: u16,
    client: Client,
    _process: Process,
    // Last: removed after the process has ended.
    _directory: Directory,
}

const PATIENCE: Duration = Duration::from_secs(20);

impl OidcIssuer {
    /// Makes an issuer with one key. It does not listen yet.
    pub async fn new() -> Self {
        let package = std::env::var_os("CODE_KEEPER_OIDC").map(PathBuf::from);
        let package = package.expect(
            "CODE_KEEPER_OIDC names the folder of npm's oauth2-mock-server, as ./tests/run e2e sets it",
        );
        let package = package.join("dist/index.mjs").canonicalize().expect("the package is there");
        let (directory, port, control) = (Directory::new(), free_port(), free_port());
        let variables = [
            ("OAUTH2_MOCK_SERVER", package.display().to_string()),
            ("ISSUER_PORT", port.to_string()),
            ("CONTROL_PORT", control.to_string()),
        ];
        let process = Process::start(&Launch {
            program: system::folder_with("node", &[]).expect("node is installed").join("node"),
            arguments: vec![
                Path::new(env!("CARGO_MANIFEST_DIR")).join("issuer/serve.js").display().to_string(),
            ],
            variables: variables.map(|(key, value)| (key.to_owned(), value)).to_vec(),
            folder: directory.path().to_owned(),
            name: "issuer".into(),
            user: None,
            end: "KILL",
        });
        let client = Client::builder().no_proxy().build().expect("the client is built");
        let issuer = Self { port, control, client, _process: process, _directory: directory };
        eventually("the issuer's control listens", PATIENCE, async || {
            tokio::net::TcpStream::connect(("127.0.0.1", control)).await.ok()
        })
        .await;
        issuer
    }

    /// Its name, and where it listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Begins to answer.
    pub async fn start(&self) {
        self.control("start").await;
    }

    /// Is away. Its keys stay.
    pub async fn stop(&self) {
        self.control("stop").await;
    }

    /// Makes one more key, which signs in turn with the others, and gives its id.
    pub async fn new_key(&self) -> String {
        self.control("keys").await["kid"].as_str().expect("a key has an id").to_owned()
    }

    /// A token for a client, as the token endpoint gives it for the client's own credentials.
    pub async fn token(&self, client: &str, scope: &str) -> String {
        let form = format!("grant_type=client_credentials&client_id={client}&scope={scope}&aud=code-keeper");
        let request = self.client.post(format!("{}/token", self.url())).body(form);
        let answer = sent(request.header("Content-Type", "application/x-www-form-urlencoded")).await;
        secret(answer["access_token"].as_str().expect("a token is text").to_owned())
    }

    /// Tokens that nobody may believe, by what is wrong with them.
    pub async fn forged(&self) -> Vec<(String, String)> {
        let answer = self.control("forge").await;
        let tokens = answer.as_object().expect("tokens by their names").clone().into_iter();
        tokens
            .map(|(what, token)| (what, secret(token.as_str().expect("a token is text").to_owned())))
            .collect()
    }

    async fn control(&self, action: &str) -> Value {
        sent(self.client.post(format!("http://127.0.0.1:{}/{action}", self.control))).await
    }
}

/// From now on nobody may show its signature.
fn secret(token: String) -> String {
    if let Some(signature) = token.rsplit('.').next().filter(|signature| !signature.is_empty()) {
        keep_secret(signature);
    }
    token
}

async fn sent(request: RequestBuilder) -> Value {
    let answer = request.send().await.expect("the issuer answers");
    let (status, body) = (answer.status(), answer.text().await.expect("a whole answer"));
    assert!(status.is_success(), "{status}: {body}");
    serde_json::from_str(&body).expect("it is JSON")
}
