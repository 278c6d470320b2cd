use std::net::IpAddr;

use keeper_access::{Denied, Operation};
use keeper_domain::{Caller, Means};
use keeper_ports::PortError;
use keeper_telemetry::caller::CallerName;
use rocket::Request;

use super::AccessMetrics;
use super::denied::outcome_of;
use super::metrics::means_of;
use crate::call::CallInfo;

/// Who calls from where for what: what an audit line says of a call that is refused, or that changed something of everybody's.
///
/// Everything that came from outside is a field of the line, never a part of its text: it is written escaped, so that nothing
/// splits or forges a line.
pub(crate) struct Visit<'r> {
    operation: Operation,
    pub(super) address: IpAddr,
    object: &'r str,
    call: &'r CallInfo,
    /// `None` where nobody is asked who they are.
    metrics: Option<&'r AccessMetrics>,
}

impl<'r> Visit<'r> {
    pub(super) fn new(
        operation: Operation,
        request: &'r Request<'_>,
        metrics: Option<&'r AccessMetrics>,
    ) -> Self {
        let (object, call) = (request.uri().path().raw().as_str(), CallInfo::of(request));
        Self { operation, address: call.client(), object, call, metrics }
    }

    /// Credentials were not good; without means, they could not even be read.
    pub(super) fn refused(&self, means: Option<Means>, reason: &'static str) {
        let action = self.operation.as_str();
        self.write(action, "unauthenticated", reason, None, &Caller::Anonymous, means);
    }

    /// The caller may make the call.
    pub(super) fn allowed(&self, caller: &Caller) {
        if *caller != Caller::Unchecked {
            self.decided("allowed", means_of(caller));
        }
    }

    /// The caller lacks something.
    pub(super) fn denied(&self, caller: &Caller, why: Denied) {
        let (outcome, means) = (outcome_of(why), means_of(caller));
        self.decided(outcome, means);
        let reason = match why {
            Denied::Unknown => "no credentials",
            Denied::Lacks(scope) => scope.as_str(),
        };
        self.write(self.operation.as_str(), outcome, reason, None, caller, means);
    }

    /// The caller changed something of everybody's, or tried to.
    pub(super) fn changed(
        &self,
        caller: &Caller,
        action: &str,
        reason: &str,
        outcome: Result<u64, &PortError>,
    ) {
        let count = outcome.ok();
        let outcome = outcome.map_or_else(PortError::outcome, |_| "done");
        self.write(action, outcome, reason, count, caller, means_of(caller));
    }

    fn decided(&self, outcome: &'static str, means: Option<Means>) {
        if let Some(metrics) = self.metrics {
            metrics.decided(outcome, means);
        }
    }

    fn write(
        &self,
        action: &str,
        outcome: &str,
        reason: &str,
        count: Option<u64>,
        caller: &Caller,
        means: Option<Means>,
    ) {
        // Fields without a value are left out.
        tracing::info!(
            target: "audit",
            action,
            outcome,
            reason,
            count,
            caller = credential_of(caller).or(self.call.caller().map(CallerName::as_str)),
            via = means.map(Means::as_str),
            address = %self.address,
            object = self.object,
            request_id = self.call.request_id(),
            trace_id = self.call.context().trace_id(),
            span_id = self.call.context().span_id(),
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
