use std::sync::Arc;

use keeper_access::Reads;
use keeper_bootstrap::{Context, StartError, Task};
use keeper_http_server::auth::AccessControl;
use keeper_identity::{AuthMode, AuthSettings, KeyRing};

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
        if settings.mode == AuthMode::Required
            && let Some(file) = settings.keys()
        {
            let keys = KeyRing::open(file, Arc::clone(&context.clock)).map_err(StartError::part)?;
            let keys = Arc::new(keys);
            let reads = if settings.public_reads { Reads::Public } else { Reads::Known };
            let control = AccessControl::new(keys.clone(), reads);
            let watching: Task = Box::pin(keys.watch(context.stop.tasks.clone()));
            return Ok(Self { control: Some(control), tasks: vec![watching] });
        }
        if !context.http.address.is_loopback() {
            let address = context.http.socket();
            tracing::warn!(%address, "auth.mode is open: whoever reaches this address may do everything");
        }
        Ok(Self { control: None, tasks: Vec::new() })
    }
}
