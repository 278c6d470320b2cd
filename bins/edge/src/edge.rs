use std::sync::Arc;

use keeper_access::Reads;
use keeper_bootstrap::{Context, StartError, Task};
use keeper_http_server::auth::AccessControl;
use keeper_identity::{AuthMode, AuthSettings, Identity, Issuer, KeyRing, Tokens};

/// What a unit has that is reached from outside.
pub struct Edge {
    /// Lets callers in or not; `None`: everybody.
    pub control: Option<AccessControl>,
    /// What goes on beside the HTTP servers.
    pub tasks: Vec<Task>,
}

impl Edge {
    /// Makes what the settings ask for.
    ///
    /// # Errors
    /// The file of API keys cannot be used.
    pub fn new(settings: &AuthSettings, context: &Context) -> Result<Self, StartError> {
        if settings.mode == AuthMode::Required {
            return Self::required(settings, context);
        }
        if !context.http.address.is_loopback() {
            let address = context.http.socket();
            tracing::warn!(%address, "auth.mode is open: whoever reaches this address may do everything");
        }
        Ok(Self { control: None, tasks: Vec::new() })
    }

    fn required(settings: &AuthSettings, context: &Context) -> Result<Self, StartError> {
        let (mut identity, mut tasks) = (Identity::default(), Vec::<Task>::new());
        let (clock, stop) = (&context.clock, &context.stop.tasks);
        if let Some(file) = settings.keys() {
            let keys = Arc::new(KeyRing::open(file, Arc::clone(clock)).map_err(StartError::part)?);
            tasks.push(Box::pin(Arc::clone(&keys).watch(stop.clone())));
            identity.keys = Some(keys);
        }
        if settings.jwt.is_on() {
            let issuer = Arc::new(Issuer::new(&settings.jwt));
            tasks.push(Box::pin(Arc::clone(&issuer).watch(stop.clone())));
            identity.tokens = Some(Tokens::new(settings.jwt.clone(), issuer, Arc::clone(clock)));
        }
        let reads = if settings.public_reads { Reads::Public } else { Reads::Known };
        Ok(Self { control: Some(AccessControl::new(Arc::new(identity), reads)), tasks })
    }
}
