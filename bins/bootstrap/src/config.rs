use std::ops::RangeInclusive;

use keeper_http_server::{HttpSettings, ManagementSettings};
use serde::Deserialize;

use crate::WrongSetting;
use crate::traces::TelemetrySettings;

/// The sections that every unit has.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct UnitConfig {
    pub(crate) http: HttpSettings,
    pub(crate) management: ManagementSettings,
    pub(crate) log: LogSettings,
    pub(crate) telemetry: TelemetrySettings,
}

impl UnitConfig {
    /// Says whether both servers can listen.
    pub(crate) fn check(&self) -> Result<(), WrongSetting> {
        let (http, management) = (self.http, self.management);
        let overlap = http.address == management.address
            || http.address.is_unspecified()
            || management.address.is_unspecified();
        if overlap && http.port == management.port && http.port != 0 {
            return Err(WrongSetting::new("management.port", "must not be the same as http.port"));
        }
        let least_one = [
            ("http.max_connections", http.max_connections as u64),
            ("http.max_in_flight", http.max_in_flight as u64),
            ("http.header_timeout_ms", http.header_timeout_ms),
            ("http.body_timeout_ms", http.body_timeout_ms),
            ("http.request_timeout_ms", http.request_timeout_ms),
        ];
        if let Some((key, _)) = least_one.into_iter().find(|(_, value)| *value == 0) {
            return Err(WrongSetting::new(key, "must be at least 1"));
        }
        if http.max_in_flight > MOST_IN_FLIGHT {
            return Err(WrongSetting::new("http.max_in_flight", "must be at most 1000000"));
        }
        if !LONG_ANSWERS_MIB.contains(&http.long_answers_mib) {
            return Err(WrongSetting::new("http.long_answers_mib", "must be from 16 to 65536"));
        }
        self.telemetry.check()
    }
}

/// More than any process can have.
const MOST_IN_FLIGHT: usize = 1_000_000;

/// Less has no room for the longest page.
const LONG_ANSWERS_MIB: RangeInclusive<u32> = 16..=65_536;

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

    fn no_traces() -> TelemetrySettings {
        TelemetrySettings { otlp_endpoint: String::new(), sample_ratio: 1.0, service_name: String::new() }
    }

    #[test]
    fn both_servers_cannot_have_one_port() {
        let log = LogSettings { format: LogFormat::Text, level: "info".into() };
        for (http, management, can) in [
            (("127.0.0.1", 1), ("127.0.0.1", 2), true),
            (("127.0.0.1", 1), ("127.0.0.1", 1), false),
            (("127.0.0.1", 1), ("0.0.0.0", 1), false),
            (("127.0.0.1", 1), ("10.0.0.1", 1), true),
            (("127.0.0.1", 0), ("127.0.0.1", 0), true),
        ] {
            let http = HttpSettings::at(http.0.parse().unwrap(), http.1);
            let management =
                ManagementSettings { address: management.0.parse().unwrap(), port: management.1 };
            let common = UnitConfig { http, management, log: log.clone(), telemetry: no_traces() };
            assert_eq!(common.check().is_ok(), can, "{http:?} {management:?}");
        }
    }
    #[test]
    fn a_bound_of_nothing_is_refused() {
        let address = "127.0.0.1".parse().unwrap();
        let management = ManagementSettings { address, port: 2 };
        let log = LogSettings { format: LogFormat::Text, level: "info".into() };
        let usual = HttpSettings::at(address, 1);
        for http in [
            HttpSettings { max_connections: 0, ..usual },
            HttpSettings { max_in_flight: 0, ..usual },
            HttpSettings { max_in_flight: usize::MAX, ..usual },
            HttpSettings { long_answers_mib: 15, ..usual },
            HttpSettings { long_answers_mib: 65_537, ..usual },
            HttpSettings { header_timeout_ms: 0, ..usual },
            HttpSettings { body_timeout_ms: 0, ..usual },
            HttpSettings { request_timeout_ms: 0, ..usual },
        ] {
            assert!(
                UnitConfig { http, management, log: log.clone(), telemetry: no_traces() }.check().is_err(),
                "{http:?}"
            );
        }
    }
}
