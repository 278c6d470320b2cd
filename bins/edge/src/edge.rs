use std::sync::Arc;

use keeper_access::Reads;
use keeper_bootstrap::{Context, StartError, Task, WrongSetting};
use keeper_http_server::auth::{AccessControl, AccessMetrics};
use keeper_identity::{AuthMode, AuthSettings, Identity, Issuer, KeyRing, LimitSettings, Limits, Tokens};
use serde::Deserialize;

/// The sections of a unit that is reached from outside.
#[derive(Debug, Clone, Deserialize)]
pub struct EdgeSettings {
    /// Who may use the API.
    pub auth: AuthSettings,
    /// How often callers may call.
    pub limits: LimitSettings,
}

impl EdgeSettings {
    /// Reads the files that the settings name, and says whether the edge can be made with them.
    ///
    /// # Errors
    /// A setting cannot work.
    pub fn check(&self) -> Result<(), WrongSetting> {
        self.auth.check()?;
        self.limits.check()
    }
}

/// What a unit has that is reached from outside.
pub struct Edge {
    /// Lets callers in or not.
    pub control: AccessControl,
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
            trusted_proxies: context.http.trusted_proxies,
            metrics: AccessMetrics::register(&context.registry)?,
        };
        let mut edge = Self { control, tasks: Vec::new() };
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
            identity.tokens = Some(Tokens::new(settings.jwt.clone(), issuer, Arc::clone(clock)));
        }
        self.control.credentials = Some(Arc::new(identity));
        Ok(())
    }
}
