use std::sync::Arc;

use keeper_access::Reads;
use keeper_bootstrap::{Context, StartError, Task, WrongSetting};
use keeper_http_server::auth::{AccessControl, AccessMetrics};
use keeper_http_server::browser::BrowserSettings;
use keeper_identity::{AuthMode, AuthSettings, Identity, Issuer, KeyRing, LimitSettings, Limits, Tokens};
use serde::Deserialize;
use url::Url;

/// The sections of a unit that is reached from outside.
#[derive(Debug, Clone, Deserialize)]
pub struct EdgeSettings {
    /// Who may use the API.
    pub auth: AuthSettings,
    /// How often callers may call.
    pub limits: LimitSettings,
    /// How callers reach the API.
    pub http: EdgeHttpSettings,
}

/// The keys of the section `http` that only such a unit has.
#[derive(Debug, Clone, Deserialize)]
pub struct EdgeHttpSettings {
    /// The origins whose pages may call.
    pub cors_origins: Vec<String>,
}

impl EdgeSettings {
    /// Reads the files that the settings name, and says whether the edge can be made with them.
    ///
    /// # Errors
    /// A setting cannot work.
    pub fn check(&self) -> Result<(), WrongSetting> {
        self.auth.check()?;
        self.limits.check()?;
        let wrong = self.http.cors_origins.iter().find(|origin| !is_origin(origin));
        match wrong {
            Some(origin) => {
                let why = format!("must have origins such as https://shop.example.com, not {origin:?}");
                Err(WrongSetting::new("http.cors_origins", why))
            }
            None => Ok(()),
        }
    }
}

/// Says whether the text is an origin as browsers write it: without a path, a user or a usual port.
fn is_origin(text: &str) -> bool {
    let url = Url::parse(text);
    !text.contains('*')
        && url.is_ok_and(|url| {
            ["http", "https"].contains(&url.scheme()) && url.origin().ascii_serialization() == text
        })
}

/// What a unit has that is reached from outside.
pub struct Edge {
    /// Lets callers in or not.
    pub control: AccessControl,
    /// What browsers are told.
    pub browser: BrowserSettings,
    /// What goes on beside the HTTP servers.
    pub tasks: Vec<Task>,
}

impl Edge {
    /// Makes what the settings ask for.
    ///
    /// # Errors
    /// The file of API keys cannot be used.
    pub fn new(settings: &EdgeSettings, context: &Context) -> Result<Self, StartError> {
        let control = AccessControl {
            credentials: None,
            reads: if settings.auth.public_reads { Reads::Public } else { Reads::Known },
            limiter: None,
            metrics: AccessMetrics::register(&context.registry)?,
        };
        let browser = BrowserSettings {
            origins: settings.http.cors_origins.clone(),
            behind_proxy: context.http.trusted_proxies > 0,
        };
        let mut edge = Self { control, browser, tasks: Vec::new() };
        if settings.auth.mode == AuthMode::Required {
            edge.ask(&settings.auth, context)?;
        } else if !context.http.address.is_loopback() {
            let address = context.http.socket();
            tracing::warn!(%address, "auth.mode is open: whoever reaches this address may do everything");
        }
        if settings.limits.enabled {
            let limits = Arc::new(Limits::new(&settings.limits));
            edge.tasks.push(Box::pin(Arc::clone(&limits).watch(context.stop.tasks.clone())));
            edge.control.limiter = Some(limits);
        }
        Ok(edge)
    }

    /// Asks callers who they are.
    fn ask(&mut self, settings: &AuthSettings, context: &Context) -> Result<(), StartError> {
        let mut identity = Identity::default();
        let (clock, stop) = (&context.clock, &context.stop.tasks);
        if let Some(file) = settings.keys() {
            let keys = Arc::new(KeyRing::open(file, Arc::clone(clock)).map_err(StartError::part)?);
            self.tasks.push(Box::pin(Arc::clone(&keys).watch(stop.clone())));
            identity.keys = Some(keys);
        }
        if settings.jwt.is_on() {
            let issuer = Arc::new(Issuer::new(&settings.jwt));
            self.tasks.push(Box::pin(Arc::clone(&issuer).watch(stop.clone())));
            let tokens = Tokens::new(settings.jwt.clone(), issuer, Arc::clone(clock));
            identity.tokens = Some(Arc::new(tokens));
        }
        self.control.credentials = Some(Arc::new(identity));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::is_origin;

    #[test]
    fn an_origin_is_what_browsers_write() {
        for origin in ["https://shop.example.com", "http://localhost:5173", "http://[::1]:8000"] {
            assert!(is_origin(origin), "{origin}");
        }
        for wrong in [
            "*",
            "null",
            "",
            "shop.example.com",
            "https://shop.example.com/",
            "https://shop.example.com:443",
            "https://Shop.example.com",
            "https://*.example.com",
            "ftp://example.com",
        ] {
            assert!(!is_origin(wrong), "{wrong}");
        }
    }
}
