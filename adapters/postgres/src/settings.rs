use std::num::NonZeroU16;
use std::time::Duration;

use keeper_settings::{WrongSetting, read_file, read_secret};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// Where the database is and how it is used: the section `database` of a unit's settings. Every key must be given;
/// the unit's `default.toml` has the defaults.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PgSettings {
    /// Host name or address; a path that begins with `/` is the directory of a Unix socket.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Name of the database.
    pub name: String,
    /// Role to connect as.
    pub user: String,
    /// Password of the role; empty for none. Not used where `password_file` is set.
    pub password: SecretString,
    /// File that holds the password, read anew for each connection, line ends after it cut off; empty for none.
    pub password_file: String,
    /// Whether the connection is encrypted, and what is checked.
    pub tls: Tls,
    /// PEM file of the authority that `verify-full` trusts besides the public ones; empty for none.
    pub tls_ca: String,
    /// Whether the connections lead through a pooler.
    pub pooler: Pooler,
    /// The most connections that this process opens, from 1.
    pub max_connections: NonZeroU16,
    /// Whether `serve` brings the schema up to date by itself.
    pub migrate: bool,
    /// How long opening a connection may take, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How long a call waits for one of the connections to become free, in milliseconds.
    pub acquire_timeout_ms: u64,
    /// How long a statement may run, in milliseconds; the database ends it then. Migrations are not limited.
    pub statement_timeout_ms: u32,
}

/// Whether the connection to the database is encrypted, and what is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// Not encrypted.
    Disable,
    /// Encrypted; the server's certificate is not checked.
    Require,
    /// Encrypted, and the server's certificate must be valid for `host`.
    VerifyFull,
}

/// Whether the connections lead through a pooler that shares the server's sessions (PgBouncer, RDS Proxy).
///
/// A prepared statement, a timeout or a lock that a session keeps would then reach other calls. So no statement is
/// kept, and each is a transaction of its own: four round trips instead of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooler {
    /// Each connection is tried when it is opened; a session that may be shared is used as one that is.
    Detect,
    /// They do: nothing is asked of the session's start. Right for a pooler in any mode but per statement.
    Transaction,
}

impl PgSettings {
    /// The longest timeout that the database takes for a statement, in milliseconds.
    const LONGEST_STATEMENT_MS: u32 = i32::MAX.unsigned_abs();

    /// Reads the files that the settings name, and says whether a [`PgDatabase`](crate::PgDatabase) can be made.
    ///
    /// # Errors
    /// A value is out of its range, or a file cannot be used.
    pub fn check(&self) -> Result<(), WrongSetting> {
        self.connect_options().map(drop)
    }

    /// The options of a connection, statement timeout not included.
    pub(crate) fn connect_options(&self) -> Result<PgConnectOptions, WrongSetting> {
        self.check_timeouts()?;
        let mode = match self.tls {
            Tls::Disable => PgSslMode::Disable,
            Tls::Require => PgSslMode::Require,
            Tls::VerifyFull => PgSslMode::VerifyFull,
        };
        let mut options = PgConnectOptions::new_without_pgpass()
            .host(&self.host)
            .port(self.port)
            .database(&self.name)
            .username(&self.user)
            .password(self.secret()?.expose_secret())
            .ssl_mode(mode)
            // Poolers refuse what they do not know of a session's start, and no float is ever read.
            .extra_float_digits(None)
            .application_name("code-keeper");
        if !self.tls_ca.is_empty() {
            options = options.ssl_root_cert_from_pem(self.authority()?.into_bytes());
        }
        Ok(options)
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(crate) fn acquire_timeout(&self) -> Duration {
        Duration::from_millis(self.acquire_timeout_ms)
    }

    pub(crate) fn statement_timeout(&self) -> Duration {
        Duration::from_millis(u64::from(self.statement_timeout_ms))
    }

    fn check_timeouts(&self) -> Result<(), WrongSetting> {
        let timeouts = [
            ("database.connect_timeout_ms", self.connect_timeout_ms),
            ("database.acquire_timeout_ms", self.acquire_timeout_ms),
            ("database.statement_timeout_ms", u64::from(self.statement_timeout_ms)),
        ];
        // A timeout of zero would refuse every call.
        if let Some((key, _)) = timeouts.into_iter().find(|(_, millis)| *millis == 0) {
            return Err(WrongSetting::new(key, "must be at least 1"));
        }
        if self.statement_timeout_ms > Self::LONGEST_STATEMENT_MS {
            let why = format!("must be at most {}", Self::LONGEST_STATEMENT_MS);
            return Err(WrongSetting::new("database.statement_timeout_ms", why));
        }
        Ok(())
    }

    fn authority(&self) -> Result<String, WrongSetting> {
        let key = "database.tls_ca";
        let pem = read_file(key, &self.tls_ca)?;
        if pem.contains("-----BEGIN CERTIFICATE-----") {
            return Ok(pem);
        }
        let why = format!("names the file {}, which holds no PEM certificate", self.tls_ca);
        Err(WrongSetting::new(key, why))
    }

    fn secret(&self) -> Result<SecretString, WrongSetting> {
        if self.password_file.is_empty() {
            return Ok(self.password.clone());
        }
        read_secret("database.password_file", &self.password_file).map(SecretString::from)
    }
}
