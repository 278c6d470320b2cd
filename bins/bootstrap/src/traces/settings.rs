use std::fmt;

use serde::Deserialize;
use url::Url;

use crate::WrongSetting;

/// Where the spans of traces go, and how many are made.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TelemetrySettings {
    /// The collector's address; empty for none.
    pub(crate) otlp_endpoint: String,
    /// The share of the traces begun here that is recorded, from 0 to 1.
    pub(crate) sample_ratio: f64,
    /// The unit's name in traces; empty for its own.
    pub(crate) service_name: String,
}

impl TelemetrySettings {
    /// Says whether traces can be recorded.
    ///
    /// # Errors
    /// The address is not of the form `http://host:port`, or the ratio is not from 0 to 1.
    pub(crate) fn check(&self) -> Result<(), WrongSetting> {
        if !(0.0..=1.0).contains(&self.sample_ratio) {
            return Err(WrongSetting::new("telemetry.sample_ratio", "must be from 0 to 1"));
        }
        if self.otlp_endpoint.is_empty() || is_collector(&self.otlp_endpoint) {
            return Ok(());
        }
        let why = "must be an address such as http://127.0.0.1:4318: spans go by OTLP over HTTP, without TLS, to a collector in the same network";
        Err(WrongSetting::new("telemetry.otlp_endpoint", why))
    }

    /// Where spans go, if anywhere.
    pub(super) fn endpoint(&self, standard: StandardVariables) -> Option<Endpoint> {
        if standard.disabled {
            None
        } else if self.otlp_endpoint.is_empty() {
            standard.has_endpoint.then_some(Endpoint::OfVariables)
        } else {
            Some(Endpoint::OfSettings(format!("{}/v1/traces", self.otlp_endpoint.trim_end_matches('/'))))
        }
    }
}

fn is_collector(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| {
        url.scheme() == "http" && url.has_host() && url.query().is_none() && url.fragment().is_none()
    })
}

/// Where spans go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// The address that the settings say.
    OfSettings(String),
    /// The one that OpenTelemetry's standard variables say.
    OfVariables,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OfSettings(address) => f.write_str(address),
            Self::OfVariables => f.write_str("the one of OTEL_EXPORTER_OTLP_ENDPOINT"),
        }
    }
}

/// What OpenTelemetry's standard variables say that its library does not act upon by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StandardVariables {
    pub(super) disabled: bool,
    pub(super) has_endpoint: bool,
    pub(super) has_sampler: bool,
}

impl StandardVariables {
    pub(super) fn read() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "they belong to a library, which reads the others itself"
        )]
        Self::of(|name| std::env::var(name).ok())
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        let is = |name: &str, wanted: &str| variable(name).is_some_and(|is| is.eq_ignore_ascii_case(wanted));
        Self {
            disabled: is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none"),
            has_endpoint: set("OTEL_EXPORTER_OTLP_ENDPOINT") || set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
            has_sampler: set("OTEL_TRACES_SAMPLER"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(endpoint: &str, sample_ratio: f64) -> TelemetrySettings {
        TelemetrySettings { otlp_endpoint: endpoint.into(), sample_ratio, service_name: String::new() }
    }

    #[test]
    fn an_address_and_a_ratio_are_checked() {
        for (endpoint, ratio, right) in [
            ("", 1.0, true),
            ("http://127.0.0.1:4318", 0.01, true),
            ("http://collector:4318/otlp/", 0.0, true),
            ("https://collector:4318", 1.0, false),
            ("grpc://collector:4317", 1.0, false),
            ("collector:4318", 1.0, false),
            ("http://collector?x=1", 1.0, false),
            ("", 1.1, false),
            ("", -0.1, false),
            ("", f64::NAN, false),
        ] {
            assert_eq!(settings(endpoint, ratio).check().is_ok(), right, "{endpoint} {ratio}");
        }
    }

    #[test]
    fn the_settings_go_before_the_variables() {
        let variables = |set: &[(&str, &str)]| {
            let set: Vec<_> =
                set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            StandardVariables::of(move |name| {
                set.iter().find(|(set, _)| set == name).map(|(_, value)| value.clone())
            })
        };
        let (none, own) = (settings("", 1.0), settings("http://c:4318/", 1.0));
        let named = variables(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://d:4318")]);
        assert_eq!(none.endpoint(variables(&[])), None);
        assert_eq!(none.endpoint(named), Some(Endpoint::OfVariables));
        assert_eq!(own.endpoint(named), Some(Endpoint::OfSettings("http://c:4318/v1/traces".into())));
        for off in [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")] {
            assert_eq!(own.endpoint(variables(&[off])), None, "{off:?}");
        }
        assert!(variables(&[("OTEL_TRACES_SAMPLER", "always_on")]).has_sampler);
    }
}
