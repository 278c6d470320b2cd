use std::net::IpAddr;

use keeper_access::{Denied, Operation};
use keeper_domain::{Caller, Means};
use rocket::Request;

use super::AccessMetrics;
use super::denied::outcome_of;
use super::metrics::means_of;
use crate::call::CallInfo;

/// Who calls from where for what: what an audit line says of a call that is refused.
///
/// Everything that came from outside is a field of the line, never a part of its text: it is written escaped, so that nothing
/// splits or forges a line.
pub(crate) struct Visit {
    operation: Operation,
    pub(super) address: IpAddr,
    object: String,
    request_id: String,
    trace_id: Option<String>,
    metrics: AccessMetrics,
}

impl Visit {
    pub(super) fn new(
        operation: Operation,
        address: IpAddr,
        request: &Request<'_>,
        metrics: AccessMetrics,
    ) -> Self {
        let call = CallInfo::of(request);
        Self {
            operation,
            address,
            object: request.uri().path().to_string(),
            request_id: call.request_id().to_owned(),
            trace_id: call.context().trace_id().map(str::to_owned),
            metrics,
        }
    }

    /// Credentials were not good.
    pub(super) fn refused(&self, means: Means, reason: &'static str) {
        self.metrics.decided("unauthenticated", Some(means));
        self.line("unauthenticated", reason, None, Some(means));
    }

    /// The caller lacks something.
    pub(super) fn denied(&self, caller: &Caller, why: Denied) {
        let (outcome, means) = (outcome_of(why), means_of(caller));
        self.metrics.decided(outcome, means);
        let reason = match why {
            Denied::Unknown => "no credentials",
            Denied::Lacks(scope) => scope.as_str(),
        };
        self.line(outcome, reason, credential_of(caller), means);
    }

    /// The caller changed something of everybody's.
    pub(super) fn done(&self, caller: &Caller, action: &'static str, reason: &str, count: u64) {
        tracing::info!(
            target: "audit",
            action,
            outcome = "done",
            reason,
            count,
            caller = credential_of(caller),
            via = means_of(caller).map(Means::as_str),
            address = %self.address,
            object = self.object,
            request_id = self.request_id,
            trace_id = self.trace_id,
            "audit"
        );
    }

    fn line(&self, outcome: &str, reason: &str, caller: Option<&str>, means: Option<Means>) {
        tracing::info!(
            target: "audit",
            action = self.operation.as_str(),
            outcome,
            reason,
            caller,
            via = means.map(Means::as_str),
            address = %self.address,
            object = self.object,
            request_id = self.request_id,
            trace_id = self.trace_id,
            "audit"
        );
    }
}

/// The name of the credentials, which opens nothing.
fn credential_of(caller: &Caller) -> Option<&str> {
    match caller {
        Caller::Known(principal) => Some(principal.credential.as_str()),
        Caller::Anonymous | Caller::Unchecked => None,
    }
}
