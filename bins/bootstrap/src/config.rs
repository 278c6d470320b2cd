use keeper_http_server::HttpSettings;
use serde::Deserialize;

use crate::WrongSetting;

/// The sections that every unit has.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Common {
    pub(crate) http: HttpSettings,
    pub(crate) management: HttpSettings,
    pub(crate) log: LogSettings,
}

impl Common {
    /// Says whether both servers can listen.
    pub(crate) fn check(&self) -> Result<(), WrongSetting> {
        let (http, management) = (self.http, self.management);
        let overlap = http.address == management.address
            || http.address.is_unspecified()
            || management.address.is_unspecified();
        if overlap && http.port == management.port && http.port != 0 {
            return Err(WrongSetting::new("management.port", "must not be the same as http.port"));
        }
        Ok(())
    }
}

/// How a unit logs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogSettings {
    pub(crate) format: LogFormat,
    /// A level (`info`), or levels per module, as `tracing_subscriber::EnvFilter` reads them.
    pub(crate) level: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_servers_cannot_have_one_port() {
        let section = |address: &str, port| {
            let text = format!("{{\"address\": \"{address}\", \"port\": {port}}}");
            serde_json::from_str::<HttpSettings>(&text).unwrap()
        };
        let log = LogSettings { format: LogFormat::Text, level: "info".into() };
        for (http, management, can) in [
            (("127.0.0.1", 1), ("127.0.0.1", 2), true),
            (("127.0.0.1", 1), ("127.0.0.1", 1), false),
            (("127.0.0.1", 1), ("0.0.0.0", 1), false),
            (("127.0.0.1", 1), ("10.0.0.1", 1), true),
            (("127.0.0.1", 0), ("127.0.0.1", 0), true),
        ] {
            let (http, management) = (section(http.0, http.1), section(management.0, management.1));
            let common = Common { http, management, log: log.clone() };
            assert_eq!(common.check().is_ok(), can, "{http:?} {management:?}");
        }
    }
}
