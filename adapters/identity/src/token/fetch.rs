//! One GET of a small document, over TLS or on this machine.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST};
use hyper::rt::{Read, Write};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Position, Url};

/// The longest time for all of it.
const PATIENCE: Duration = Duration::from_secs(5);
const LARGEST: usize = 512 * 1024;

/// Fetches a document as text. An answer that leads elsewhere is an error: nobody else is asked.
pub(super) async fn fetch(url: &Url) -> Result<String, String> {
    match timeout(PATIENCE, connected(url)).await {
        Ok(fetched) => fetched.map_err(|why| format!("{url}: {why}")),
        Err(_) => Err(format!("{url}: no answer within {} s", PATIENCE.as_secs())),
    }
}

async fn connected(url: &Url) -> Result<String, String> {
    let host = url.host_str().ok_or("no host")?;
    let port = url.port_or_known_default().ok_or("no port")?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((bare, port)).await.map_err(|error| error.to_string())?;
    if url.scheme() == "http" {
        return get(url, TokioIo::new(stream)).await;
    }
    let name = ServerName::try_from(bare.to_owned()).map_err(|error| error.to_string())?;
    let stream = tls()?.connect(name, stream).await.map_err(|error| error.to_string())?;
    get(url, TokioIo::new(stream)).await
}

/// Checks certificates against the public authorities. The provider is named, so that none is wanted for the process.
fn tls() -> Result<TlsConnector, String> {
    let authorities = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?;
    Ok(TlsConnector::from(Arc::new(config.with_root_certificates(authorities).with_no_client_auth())))
}

async fn get(url: &Url, stream: impl Read + Write + Unpin + Send + 'static) -> Result<String, String> {
    let (mut sender, connection) =
        http1::handshake::<_, Empty<Bytes>>(stream).await.map_err(|error| error.to_string())?;
    let request = Request::get(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
        .header(ACCEPT, "application/json")
        .body(Empty::new())
        .map_err(|error| error.to_string())?;
    let answered = async {
        let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
        if answer.status() != StatusCode::OK {
            return Err(format!("it answered {}", answer.status()));
        }
        let body = Limited::new(answer.into_body(), LARGEST).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        String::from_utf8(body.into()).map_err(|_| "the answer is not UTF-8".to_owned())
    };
    let mut answered = std::pin::pin!(answered);
    tokio::select! {
        answer = &mut answered => answer,
        // The last of the answer may still be on its way to us; if it never comes, that says so.
        _ = connection => answered.await,
    }
}
