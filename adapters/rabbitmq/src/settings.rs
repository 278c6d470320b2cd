use std::fmt;
use std::fs;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use thiserror::Error;

use crate::tls;

/// The section `broker` of a unit's settings.
///
/// | key | type | default | |
/// |---|---|---|---|
/// | `host` | text | `"localhost"` | name or address of the broker |
/// | `port` | number | `5672` | 5671 with TLS, as a rule |
/// | `vhost` | text | `"/"` | virtual host, written as it is (no URL encoding) |
/// | `user` | text | `"guest"` | |
/// | `password` | text | `"guest"` | |
/// | `password_file` | text | `""` | a file that holds the password, read once at start; empty: `password` is used |
/// | `tls` | true/false | `false` | speak AMQPS, and check the broker's certificate and name |
/// | `tls_ca` | text | `""` | a PEM file of the certificate authorities to trust; empty: the public ones |
/// | `queue` | text | `"billing_queue"` | name of the order queue; the dead letters are in the queue `<queue>.dead` |
/// | `prefetch` | 1 to 65535 | `500` | messages that a consumer holds at once: the bound of its memory |
/// | `publish_timeout_ms` | milliseconds | `5000` | how long an order waits for the broker's confirm before 503 |
/// | `heartbeat_s` | 1 to 65535 seconds | `10` | a silent connection is given up after twice this time |
/// | `declare` | true/false | `true` | create the order queue; `false`: use the one that is there, also a classic one |
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Name or address of the broker.
    #[serde(deserialize_with = "text")]
    pub host: String,
    /// TCP port of the broker.
    pub port: u16,
    /// Virtual host, as it is named in the broker.
    #[serde(deserialize_with = "text")]
    pub vhost: String,
    /// User to log in as.
    #[serde(deserialize_with = "text")]
    pub user: String,
    /// Password of the user; not used when `password_file` is given.
    #[serde(deserialize_with = "secret")]
    pub password: SecretString,
    /// Path of a file that holds the password, or empty. One newline at its end does not count.
    #[serde(deserialize_with = "text")]
    pub password_file: String,
    /// Speak AMQPS.
    pub tls: bool,
    /// Path of a PEM file with the certificate authorities to trust instead of the public ones, or empty.
    #[serde(deserialize_with = "text")]
    pub tls_ca: String,
    /// Name of the order queue.
    #[serde(deserialize_with = "text")]
    pub queue: String,
    /// Messages that a consumer holds at once, 1 to 65535.
    pub prefetch: u16,
    /// Milliseconds that a message waits for the broker's confirm.
    pub publish_timeout_ms: u32,
    /// Seconds between heartbeats, 1 to 65535.
    pub heartbeat_s: u16,
    /// Create the order queue; otherwise the one that is there is used as it is. The dead letters' queue is always
    /// created.
    pub declare: bool,
}

/// A setting that cannot work, named as an operator writes it.
#[derive(Debug, Error)]
#[error("{key} {why}")]
pub struct SettingsError {
    /// The setting: `broker.…`.
    pub key: &'static str,
    /// What is wrong with its value; a sentence whose subject is the key.
    pub why: String,
}

impl Settings {
    /// The longest queue name: AMQP allows 255 bytes, of which the dead letters' names need some.
    const MAX_QUEUE_BYTES: usize = 240;
    /// The longest name that AMQP has.
    const MAX_VHOST_BYTES: usize = 255;

    /// Reads the files that the settings name, and says whether a [`Broker`](crate::Broker) can be made.
    ///
    /// # Errors
    /// A value is out of its range, or a file cannot be used.
    pub fn check(&self) -> Result<(), SettingsError> {
        self.check_ranges()?;
        self.secret()?;
        if self.tls { tls::connector(self).map(drop) } else { Ok(()) }
    }

    pub(crate) fn check_ranges(&self) -> Result<(), SettingsError> {
        let wrong = |key, rule: &str| Err(SettingsError { key, why: rule.into() });
        if self.host.is_empty() {
            return wrong("broker.host", "must not be empty");
        }
        if self.vhost.len() > Self::MAX_VHOST_BYTES {
            return wrong("broker.vhost", "must be at most 255 bytes long");
        }
        if self.queue.is_empty() || self.queue.len() > Self::MAX_QUEUE_BYTES {
            return wrong("broker.queue", "must be 1 to 240 bytes long");
        }
        if self.prefetch == 0 {
            return wrong("broker.prefetch", "must be at least 1: without a bound, memory would have none");
        }
        if self.publish_timeout_ms == 0 {
            return wrong("broker.publish_timeout_ms", "must be at least 1");
        }
        if self.heartbeat_s == 0 {
            let rule = "must be at least 1: without heartbeats a silent connection is never noticed";
            return wrong("broker.heartbeat_s", rule);
        }
        Ok(())
    }

    /// The password, from the file if one is named.
    pub(crate) fn secret(&self) -> Result<SecretString, SettingsError> {
        if self.password_file.is_empty() {
            return Ok(self.password.clone());
        }
        let text = read("broker.password_file", &self.password_file)?;
        let line =
            text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
        Ok(line.to_owned().into())
    }

    /// The certificate authorities in PEM, if a file is named.
    pub(crate) fn authorities(&self) -> Result<Option<String>, SettingsError> {
        if self.tls_ca.is_empty() {
            return Ok(None);
        }
        read("broker.tls_ca", &self.tls_ca).map(Some)
    }
}

fn read(key: &'static str, path: &str) -> Result<String, SettingsError> {
    let unread = |cause| format!("names the file {path}, which cannot be read: {cause}");
    fs::read_to_string(path).map_err(|cause| SettingsError { key, why: unread(cause) })
}

/// Takes numbers and booleans as the text they were written as: `KEEPER_BROKER__PASSWORD=123456` is text, too.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Text;
    impl Visitor<'_> for Text {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("text")
        }
        fn visit_str<E: de::Error>(self, value: &str) -> Result<String, E> {
            Ok(value.to_owned())
        }
        fn visit_bool<E: de::Error>(self, value: bool) -> Result<String, E> {
            Ok(value.to_string())
        }
        fn visit_i64<E: de::Error>(self, value: i64) -> Result<String, E> {
            Ok(value.to_string())
        }
        fn visit_u64<E: de::Error>(self, value: u64) -> Result<String, E> {
            Ok(value.to_string())
        }
        fn visit_f64<E: de::Error>(self, value: f64) -> Result<String, E> {
            Ok(value.to_string())
        }
    }
    deserializer.deserialize_any(Text)
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    text(deserializer).map(SecretString::from)
}

/// The password in the one form that the library takes.
pub(crate) fn exposed(secret: &SecretString) -> String {
    secret.expose_secret().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(change: &str) -> Result<Settings, serde_json::Error> {
        let mut json = serde_json::json!({
            "host": "localhost", "port": 5672, "vhost": "/", "user": "guest", "password": "guest", "password_file": "",
            "tls": false, "tls_ca": "", "queue": "billing_queue", "prefetch": 500, "publish_timeout_ms": 5000,
            "heartbeat_s": 10, "declare": true,
        });
        let change: serde_json::Value = serde_json::from_str(change).unwrap();
        for (key, value) in change.as_object().unwrap() {
            json[key] = value.clone();
        }
        serde_json::from_value(json)
    }

    #[test]
    fn numbers_are_taken_as_text_and_unknown_keys_are_refused() {
        let settings_with_number = settings(r#"{"password": 123456}"#).unwrap();
        assert_eq!(exposed(&settings_with_number.password), "123456");
        assert!(settings(r#"{"quue": "x"}"#).unwrap_err().to_string().contains("quue"));
        assert!(!format!("{settings_with_number:?}").contains("123456"));
    }

    #[test]
    fn values_that_cannot_work_are_named() {
        let long = serde_json::json!({ "vhost": "x".repeat(256) }).to_string();
        for (change, key) in [
            (r#"{"host": ""}"#, "broker.host"),
            (long.as_str(), "broker.vhost"),
            (r#"{"queue": ""}"#, "broker.queue"),
            (r#"{"prefetch": 0}"#, "broker.prefetch"),
            (r#"{"publish_timeout_ms": 0}"#, "broker.publish_timeout_ms"),
            (r#"{"heartbeat_s": 0}"#, "broker.heartbeat_s"),
        ] {
            let error = settings(change).unwrap().check().unwrap_err();
            assert!(error.to_string().starts_with(key), "{error}");
        }
        assert!(settings("{}").unwrap().check().is_ok());
    }

    #[test]
    fn a_password_file_that_is_not_there_is_named_with_its_key() {
        let error = settings(r#"{"password_file": "/nonexistent/secret"}"#).unwrap().secret().unwrap_err();
        assert!(error.to_string().starts_with("broker.password_file names the file /nonexistent/secret"));
    }

    #[test]
    fn one_newline_at_the_end_of_a_password_file_does_not_count() {
        let directory = std::env::temp_dir().join(format!("keeper-password-{}", uuid::Uuid::now_v7()));
        fs::write(&directory, "s3cret \r\n").unwrap();
        let path = serde_json::json!({ "password_file": directory.to_str().unwrap() }).to_string();
        assert_eq!(exposed(&settings(&path).unwrap().secret().unwrap()), "s3cret ");
        fs::remove_file(directory).unwrap();
    }
}
