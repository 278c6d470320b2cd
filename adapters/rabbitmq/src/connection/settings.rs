use keeper_settings::{WrongSetting, read_secret};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{management, tls};

/// Declares a section `broker`: the keys of every unit that has one, and a unit's own. (With serde's
/// `flatten` instead, an error would not name the key.)
macro_rules! broker_section {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $key:ident: $type:ty,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// Name or address of the broker.
            pub host: String,
            /// TCP port of the broker.
            pub port: u16,
            /// Virtual host, as it is named in the broker.
            pub vhost: String,
            /// User to log in as.
            pub user: String,
            /// Password of the user; not used when `password_file` is given.
            pub password: SecretString,
            /// Path of a file that holds the password, or empty. It is read again at each attempt to connect. Line ends after
            /// the password do not count.
            pub password_file: String,
            /// Speak AMQPS.
            pub tls: bool,
            /// Path of a PEM file with the certificate authorities to trust instead of the public ones, or empty.
            /// It is read again at each attempt to connect.
            pub tls_ca: String,
            /// Name of the order queue.
            pub queue: String,
            /// Milliseconds that a message waits for the broker's confirm.
            pub publish_timeout_ms: u32,
            /// Seconds between heartbeats, 1 to 65535.
            pub heartbeat_s: u16,
            /// Create the queue, and the exchange and the queue of its dead letters. Otherwise nothing is created, and
            /// what is there is used as it is.
            pub declare: bool,
            /// Address of the broker's management API, where policies that lose messages are looked for, or empty. The
            /// user, the password and `tls_ca` are those of the broker.
            pub management_url: String,
            $($(#[$doc])* pub $key: $type,)*
        }
    };
}

broker_section! {
    /// Where the broker is and how it is used: the section `broker` of a unit that publishes. Every key must be given; the
    /// unit's `default.toml` has the defaults.
    BrokerSettings {}
}

broker_section! {
    /// The section `broker` of a unit that consumes: the keys of [`BrokerSettings`], and those of the consumer.
    ConsumerSettings {
        /// Messages that a consumer holds at once, 1 to 65535.
        prefetch: u16,
        /// What becomes of messages without an identity.
        unidentified: UnidentifiedMessages,
    }
}

/// How the queue of orders is consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsumerOptions {
    /// The most messages that are held at once.
    pub prefetch: u16,
    /// What becomes of messages without an identity.
    pub unidentified: UnidentifiedMessages,
}

/// What becomes of messages that have no identity, as those of the original publisher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnidentifiedMessages {
    /// Each goes to the dead letters with an identity. A replay puts it back into the queue, once.
    DeadLetter,
    /// Each goes back into the queue with an identity, as it comes. This is at least once: a message whose copy is
    /// confirmed and which is delivered again, because the unit or the broker ended right then, is two orders.
    Assign,
}

impl ConsumerSettings {
    /// Says whether a [`Consumer`](crate::Consumer) can be made, as [`BrokerSettings::check`] does.
    ///
    /// # Errors
    /// A value is out of its range, or a file cannot be used.
    pub fn check(&self) -> Result<(), WrongSetting> {
        if self.prefetch == 0 {
            let rule = "must be at least 1: without a bound, memory would have none";
            return Err(WrongSetting::new("broker.prefetch", rule));
        }
        self.connection().check()
    }

    /// The keys that are the consumer's own.
    pub fn options(&self) -> ConsumerOptions {
        ConsumerOptions { prefetch: self.prefetch, unidentified: self.unidentified }
    }

    /// The keys that are not the consumer's.
    pub fn connection(&self) -> BrokerSettings {
        BrokerSettings {
            host: self.host.clone(),
            port: self.port,
            vhost: self.vhost.clone(),
            user: self.user.clone(),
            password: self.password.clone(),
            password_file: self.password_file.clone(),
            tls: self.tls,
            tls_ca: self.tls_ca.clone(),
            queue: self.queue.clone(),
            publish_timeout_ms: self.publish_timeout_ms,
            heartbeat_s: self.heartbeat_s,
            declare: self.declare,
            management_url: self.management_url.clone(),
        }
    }
}

impl BrokerSettings {
    /// The longest queue name: AMQP allows 255 bytes, of which the dead letters' names need some.
    const MAX_QUEUE_BYTES: usize = 240;
    /// The longest name that AMQP has.
    const MAX_VHOST_BYTES: usize = 255;

    /// Reads the files that the settings name, and says whether a [`Broker`](crate::Broker) can be made.
    ///
    /// # Errors
    /// A value is out of its range, or a file cannot be used.
    pub fn check(&self) -> Result<(), WrongSetting> {
        self.check_ranges()?;
        self.secret()?;
        management::base(&self.management_url)?;
        if self.tls { tls::connector(&self.tls_ca).map(drop) } else { Ok(()) }
    }

    fn check_ranges(&self) -> Result<(), WrongSetting> {
        let wrong = |key: &str, rule: &str| Err(WrongSetting::new(key, rule));
        if self.host.is_empty() {
            return wrong("broker.host", "must not be empty");
        }
        if self.vhost.len() > Self::MAX_VHOST_BYTES {
            return wrong("broker.vhost", "must be at most 255 bytes long");
        }
        if self.queue.is_empty() || self.queue.len() > Self::MAX_QUEUE_BYTES {
            return wrong("broker.queue", "must be 1 to 240 bytes long");
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
    pub(crate) fn secret(&self) -> Result<SecretString, WrongSetting> {
        if self.password_file.is_empty() {
            return Ok(self.password.clone());
        }
        read_secret("broker.password_file", &self.password_file).map(SecretString::from)
    }
}

/// The password in the one form that the library takes.
pub(crate) fn exposed(secret: &SecretString) -> String {
    secret.expose_secret().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(change: &str) -> Result<ConsumerSettings, serde_json::Error> {
        let mut json = serde_json::json!({
            "host": "localhost", "port": 5672, "vhost": "/", "user": "guest", "password": "guest", "password_file": "",
            "tls": false, "tls_ca": "", "queue": "billing_queue", "prefetch": 500, "publish_timeout_ms": 5000,
            "heartbeat_s": 10, "declare": true, "management_url": "", "unidentified": "dead-letter",
        });
        let change: serde_json::Value = serde_json::from_str(change).unwrap();
        for (key, value) in change.as_object().unwrap() {
            json[key] = value.clone();
        }
        serde_json::from_value(json)
    }

    #[test]
    fn a_unit_that_publishes_has_no_keys_of_a_consumer() {
        let json = serde_json::json!({
            "host": "localhost", "port": 5672, "vhost": "/", "user": "guest", "password": "guest", "password_file": "",
            "tls": false, "tls_ca": "", "queue": "billing_queue", "publish_timeout_ms": 5000, "heartbeat_s": 10,
            "declare": true, "management_url": "",
        });
        let read = |json: &serde_json::Value| serde_json::from_value::<BrokerSettings>(json.clone());
        assert!(read(&json).unwrap().check().is_ok());
        for key in ["prefetch", "unidentified"] {
            let mut more = json.clone();
            more[key] = 1.into();
            assert!(read(&more).unwrap_err().to_string().contains(key));
        }
    }

    #[test]
    fn unknown_keys_are_refused_and_the_password_is_not_shown() {
        assert!(settings(r#"{"unidentified": "drop"}"#).unwrap_err().to_string().contains("drop"));
        assert!(settings(r#"{"quue": "x"}"#).unwrap_err().to_string().contains("quue"));
        let with_password = settings(r#"{"password": "123456"}"#).unwrap();
        assert!(!format!("{with_password:?}").contains("123456"));
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
            (r#"{"management_url": "localhost:15672"}"#, "broker.management_url"),
        ] {
            let error = settings(change).unwrap().check().unwrap_err();
            assert!(error.to_string().starts_with(key), "{error}");
        }
        assert!(settings("{}").unwrap().check().is_ok());
    }
}
