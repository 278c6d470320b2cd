use keeper_http_server::HttpSettings;
use serde::Deserialize;

/// The sections that every unit has.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Common {
    pub(crate) http: HttpSettings,
    pub(crate) management: HttpSettings,
    pub(crate) log: LogSettings,
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
