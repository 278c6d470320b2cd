//! One GET of a small document over a connection of its own: an issuer's keys, a broker's queue, a unit's health.
//!
//! Such calls are rare, so a pool of connections, redirects and cookies would be weight without use.
#![warn(missing_docs)]

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderMap, HeaderValue};
use hyper::rt::{Read, Write};
pub use hyper::{StatusCode, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::{Position, Url};

/// The largest body that is read, in bytes.
pub const LARGEST_BODY: usize = 512 * 1024;

/// What a server answered. A redirect is an answer as any other: nobody else is asked.
#[derive(Debug)]
pub struct Answer {
    /// The status, whatever it is.
    pub status: StatusCode,
    /// The body, [`LARGEST_BODY`] at most.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct FetchError(String);

impl FetchError {
    fn new(cause: impl std::fmt::Display) -> Self {
        Self(cause.to_string())
    }
}

/// Asks for a document. There is no time-out: the caller knows how long it may take.
///
/// # Errors
/// The server cannot be reached, breaks off, sends more than [`LARGEST_BODY`], or is not certified by the authorities of
/// `tls`; or the address is neither `http` nor `https` with a host, or is `https` without `tls`.
pub async fn get(
    url: &Url,
    headers: HeaderMap,
    tls: Option<&Arc<ClientConfig>>,
) -> Result<Answer, FetchError> {
    let host = url.host_str().ok_or_else(|| FetchError::new("the address has no host"))?;
    let port = url.port_or_known_default().ok_or_else(|| FetchError::new("the address has no port"))?;
    // An IPv6 address has brackets in an address only.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, port)).await.map_err(FetchError::new)?;
    if url.scheme() == "http" {
        return send(url, headers, TokioIo::new(stream)).await;
    }
    let tls = tls.ok_or_else(|| FetchError::new("no authorities for https are set"))?;
    let name = ServerName::try_from(host.to_owned()).map_err(FetchError::new)?;
    let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await.map_err(FetchError::new)?;
    send(url, headers, TokioIo::new(stream)).await
}

/// TLS that trusts the public authorities.
///
/// # Errors
/// The TLS library refuses its own defaults.
pub fn public_authorities() -> Result<Arc<ClientConfig>, FetchError> {
    let authorities = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
    // The provider is named, so that none is wanted for the process.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(FetchError::new)?;
    Ok(Arc::new(config.with_root_certificates(authorities).with_no_client_auth()))
}

async fn send(
    url: &Url,
    headers: HeaderMap,
    stream: impl Read + Write + Unpin + Send + 'static,
) -> Result<Answer, FetchError> {
    let (mut sender, connection) =
        http1::handshake::<_, Empty<Bytes>>(stream).await.map_err(FetchError::new)?;
    let mut request = hyper::Request::get(&url[Position::BeforePath..Position::AfterQuery])
        .body(Empty::new())
        .map_err(FetchError::new)?;
    *request.headers_mut() = headers;
    let host = HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort]);
    request.headers_mut().insert(HOST, host.map_err(FetchError::new)?);
    let answered = async {
        let answer = sender.send_request(request).await.map_err(FetchError::new)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LARGEST_BODY).collect().await.map_err(FetchError::new)?;
        Ok(Answer { status, body: body.to_bytes() })
    };
    let mut answered = std::pin::pin!(answered);
    tokio::select! {
        answer = &mut answered => answer,
        // The last of the answer may still be on its way to us; if it never comes, that says so.
        _ = connection => answered.await,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// What a server that answers with these bytes is asked, and what becomes of its answer.
    async fn asked(answer: Vec<u8>, headers: HeaderMap) -> (String, Result<Answer, FetchError>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/a%20b?c=d#e", listener.local_addr().unwrap()).parse().unwrap();
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = vec![0; 4096];
            let read = stream.read(&mut head).await.unwrap();
            // Who has read enough closes first.
            let _ = stream.write_all(&answer).await;
            String::from_utf8(head[..read].to_vec()).unwrap()
        };
        tokio::join!(server, get(&url, headers, None))
    }

    #[tokio::test]
    async fn path_query_and_headers_are_sent_and_any_status_is_an_answer() {
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("text/plain"))]);
        let moved = b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 4\r\n\r\nmove".to_vec();
        let (head, answer) = asked(moved, headers).await;
        let answer = answer.unwrap();
        assert_eq!((answer.status, &answer.body[..]), (StatusCode::FOUND, &b"move"[..]));
        assert!(head.starts_with("GET /a%20b?c=d HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("accept: text/plain\r\n") && head.contains("host: 127.0.0.1:"), "{head}");
    }

    #[tokio::test]
    async fn an_answer_that_is_too_long_or_breaks_off_is_an_error() {
        let mut long = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
        long.resize(long.len() + LARGEST_BODY + 1, b'x');
        assert!(asked(long, HeaderMap::new()).await.1.is_err());
        let short = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfour".to_vec();
        assert!(asked(short, HeaderMap::new()).await.1.is_err());
    }

    #[tokio::test]
    async fn https_without_authorities_is_an_error_that_says_so() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let error = get(&url, HeaderMap::new(), None).await.unwrap_err();
        assert_eq!(error.to_string(), "no authorities for https are set");
    }
}
