//! Fetches an issuer's documents, over TLS or on this machine.

use std::time::Duration;

use keeper_fetch::header::{ACCEPT, HeaderMap, HeaderValue};
use keeper_fetch::{StatusCode, get, public_authorities};
use tokio::time::timeout;
use url::Url;

/// The longest time for all of it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Fetches a document as text. An answer that leads elsewhere is an error: nobody else is asked.
pub(super) async fn fetch(url: &Url) -> Result<String, String> {
    match timeout(PATIENCE, document(url)).await {
        Ok(fetched) => fetched.map_err(|why| format!("{url}: {why}")),
        Err(_) => Err(format!("{url}: no answer within {} s", PATIENCE.as_secs())),
    }
}

async fn document(url: &Url) -> Result<String, String> {
    let tls = public_authorities().map_err(|error| error.to_string())?;
    let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
    let answer = get(url, headers, Some(&tls)).await.map_err(|error| error.to_string())?;
    if answer.status != StatusCode::OK {
        return Err(format!("it answered {}", answer.status));
    }
    String::from_utf8(answer.body.into()).map_err(|_| "the answer is not UTF-8".to_owned())
}
