use keeper_settings::WrongSetting;
use serde::Deserialize;
use url::{Host, Url};

/// Where a token says whom it is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AudienceIn {
    /// In the claim `aud`.
    Aud,
    /// Before its scopes (`audience/orders:read`): Amazon Cognito gives machines no `aud`.
    Scopes,
}

/// Whose tokens are believed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtSettings {
    /// The issuer: the claim `iss`, and the address of its discovery document; empty: no tokens.
    pub issuer: String,
    /// Whom a token must be meant for.
    pub audience: String,
    /// Where it says so.
    pub audience_in: AudienceIn,
    /// Where the issuer's keys are; empty: the discovery document says so.
    pub jwks_url: String,
    /// The claim that says who the caller is.
    pub subject_claim: String,
    /// The claim that has the scopes.
    pub scope_claim: String,
    /// Seconds by which clocks may differ.
    pub leeway_s: u32,
}

impl JwtSettings {
    /// Says whether tokens are used.
    pub fn is_on(&self) -> bool {
        !self.issuer.is_empty()
    }

    /// Says whether tokens can be checked with these settings.
    ///
    /// # Errors
    /// An address cannot be used, or a name is missing.
    pub fn check(&self) -> Result<(), WrongSetting> {
        if !self.is_on() {
            let wrong = || WrongSetting::new("auth.jwt.jwks_url", "needs auth.jwt.issuer");
            return if self.jwks_url.is_empty() { Ok(()) } else { Err(wrong()) };
        }
        for (key, text) in [
            ("audience", &self.audience),
            ("subject_claim", &self.subject_claim),
            ("scope_claim", &self.scope_claim),
        ] {
            if text.is_empty() {
                return Err(WrongSetting::new(
                    format!("auth.jwt.{key}"),
                    "must not be empty, since there is an issuer",
                ));
            }
        }
        address("auth.jwt.issuer", &self.issuer)?;
        if self.leeway_s > 600 {
            return Err(WrongSetting::new("auth.jwt.leeway_s", "must be at most 600"));
        }
        if self.jwks_url.is_empty() { Ok(()) } else { address("auth.jwt.jwks_url", &self.jwks_url).map(drop) }
    }

    pub(super) fn leeway(&self) -> i64 {
        self.leeway_s.into()
    }
}

/// An address from which keys may be fetched: by TLS, or on this machine.
pub(super) fn address(key: &str, text: &str) -> Result<Url, WrongSetting> {
    // A password has no place in it, nor in the error.
    let shown = if text.contains('@') { "an address with a user" } else { text };
    let why = || format!("must be an address such as https://issuer.example.com, not {shown:?}");
    let wrong = || WrongSetting::new(key, why());
    let url = Url::parse(text).map_err(|_| wrong())?;
    let local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(wrong()),
    };
    let by_tls = url.scheme() == "https" || (url.scheme() == "http" && local);
    if !by_tls || text.contains('@') { Err(wrong()) } else { Ok(url) }
}
