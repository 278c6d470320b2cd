use std::sync::Arc;

use keeper_access::{Operation, Reads, decide};
use keeper_domain::Caller;
use keeper_ports::access::{Credentials, Recognition};
use rocket::Request;
use rocket::fairing::AdHoc;

use super::denied::{denied, refused};
use super::presented::presented;
use crate::ApiError;

/// Recognises callers, and lets them in or not.
#[derive(Clone)]
pub struct AccessControl {
    credentials: Arc<dyn Credentials>,
    reads: Reads,
}

/// Guards all routes that need it. Without a control nobody is asked who they are.
pub fn stage(control: Option<AccessControl>) -> AdHoc {
    AdHoc::on_ignite("access control", |rocket| async move {
        match control {
            Some(control) => rocket.manage(control),
            None => rocket,
        }
    })
}

impl AccessControl {
    /// Asks for credentials, except where reading is public.
    pub fn new(credentials: Arc<dyn Credentials>, reads: Reads) -> Self {
        Self { credentials, reads }
    }

    /// Recognises the caller, and decides whether they may make the call.
    pub(super) async fn admit(
        &self,
        operation: Operation,
        request: &Request<'_>,
    ) -> Result<Caller, ApiError> {
        let caller = match presented(request.headers())? {
            None => Caller::Anonymous,
            Some(presented) => match self.credentials.recognise(presented).await? {
                Recognition::Known(principal) => Caller::Known(principal),
                Recognition::Refused(_) => return Err(refused()),
            },
        };
        decide(operation, &caller, self.reads).map_err(denied)?;
        Ok(caller)
    }
}
