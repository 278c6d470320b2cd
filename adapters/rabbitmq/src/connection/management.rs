//! The broker's management API, as far as it is needed: one GET.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keeper_fetch::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use keeper_fetch::{StatusCode, get};
use keeper_settings::WrongSetting;
use rustls::ClientConfig;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

const KEY: &str = "broker.management_url";

/// Where the API is, who asks, and whom an `https` address must be certified by.
pub(super) struct Management {
    pub(super) base: Url,
    pub(super) user: String,
    pub(super) password: SecretString,
    pub(super) tls: Arc<ClientConfig>,
}

/// Why there is no description of a queue.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ManagementError {
    /// The API has no such queue.
    #[error("there is no such queue")]
    NoQueue,
    /// It does not let us ask.
    #[error("it refuses the user (who asks needs the tag `management`, and a right in the virtual host)")]
    Refused,
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// Reads the setting `management_url`; nothing when it is empty.
///
/// # Errors
/// It is no address, or holds a password, which has no place there.
pub(super) fn base(url: &str) -> Result<Option<Url>, WrongSetting> {
    if url.is_empty() {
        return Ok(None);
    }
    let shown = if url.contains('@') { "an address with a user" } else { url };
    let wrong = || {
        let rule = "must be empty or an address such as http://127.0.0.1:15672";
        WrongSetting::new(KEY, format!("{rule}, not {shown:?}"))
    };
    let parsed = Url::parse(url).map_err(|_| wrong())?;
    let plain = parsed.username().is_empty() && parsed.password().is_none() && parsed.query().is_none();
    let known = matches!(parsed.scheme(), "http" | "https") && parsed.host().is_some();
    if plain && known { Ok(Some(parsed)) } else { Err(wrong()) }
}

impl Management {
    /// Asks for a queue's description, as JSON.
    pub(super) async fn queue(&self, vhost: &str, queue: &str) -> Result<Vec<u8>, ManagementError> {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "queues", vhost, queue]);
        }
        url.set_query(Some("columns=policy,operator_policy,effective_policy_definition,arguments"));
        let answer = get(&url, self.login()?, Some(&self.tls)).await.map_err(failed)?;
        match answer.status {
            StatusCode::OK => Ok(answer.body.into()),
            StatusCode::NOT_FOUND => Err(ManagementError::NoQueue),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(ManagementError::Refused),
            other => Err(ManagementError::Failed(format!("it answered {other}"))),
        }
    }

    fn login(&self) -> Result<HeaderMap, ManagementError> {
        let login = STANDARD.encode(format!("{}:{}", self.user, self.password.expose_secret()));
        let mut login = HeaderValue::from_str(&format!("Basic {login}")).map_err(failed)?;
        login.set_sensitive(true);
        Ok(HeaderMap::from_iter([(AUTHORIZATION, login)]))
    }
}

fn failed(error: impl std::fmt::Display) -> ManagementError {
    ManagementError::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_no_password_and_none_is_shown() {
        for right in
            ["http://127.0.0.1:15672", "https://b-1.mq.eu-west-1.amazonaws.com", "https://[::1]/rabbit/"]
        {
            assert!(base(right).unwrap().is_some(), "{right}");
        }
        assert!(base("").unwrap().is_none());
        for wrong in ["localhost:15672", "amqp://localhost", "http://guest:s3cret@localhost", "http://h/?a=b"]
        {
            let error = base(wrong).unwrap_err().to_string();
            assert!(error.starts_with(KEY) && !error.contains("s3cret"), "{error}");
        }
    }
}
