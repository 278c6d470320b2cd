use std::sync::Arc;

use keeper_access::{Operation, Reads, decide};
use keeper_domain::{Caller, Means, Rate, RatePolicy};
use keeper_ports::access::{Credentials, RateLimiter, Recognition};
use keeper_telemetry::caller::CallerName;
use rocket::Request;
use rocket::fairing::AdHoc;

use super::denied::{denied, refused};
use super::limit::{limited, remember, write_headers};
use super::presented::presented;
use super::visit::Visit;
use super::{AccessMetrics, address};
use crate::ApiError;
use crate::call::CallInfo;

/// Recognises callers, lets them in or not, and counts how often they call.
#[derive(Clone)]
pub struct AccessControl {
    /// Who is behind credentials; `None`: nobody is asked.
    pub credentials: Option<Arc<dyn Credentials>>,
    /// Who may read the catalogue.
    pub reads: Reads,
    /// How often callers may call; `None`: as often as they like.
    pub limiter: Option<Arc<dyn RateLimiter>>,
    /// What is counted.
    pub metrics: AccessMetrics,
}

/// Guards all routes that need it. Without this stage nobody is asked who they are.
pub fn stage(control: AccessControl) -> AdHoc {
    AdHoc::on_ignite("access control", |rocket| async move {
        let headers = AdHoc::on_response("rate limit headers", |request, response| {
            Box::pin(async move { write_headers(request, response) })
        });
        rocket.manage(control).attach(headers)
    })
}

impl AccessControl {
    /// Decides whether the call may be made, as far as the head of its request says.
    pub(super) async fn admit<'r>(
        &'r self,
        operation: Operation,
        request: &'r Request<'_>,
    ) -> Result<(Caller, Visit<'r>), ApiError> {
        let visit = Visit::new(operation, request, Some(&self.metrics));
        let Some(credentials) = &self.credentials else {
            self.limit(operation, &Caller::Unchecked, &visit, request).await?;
            return Ok((Caller::Unchecked, visit));
        };
        let caller = self.caller(credentials.as_ref(), &visit, request).await?;
        self.limit(operation, &caller, &visit, request).await?;
        match decide(operation, &caller, self.reads) {
            Ok(()) => Ok((caller, visit)),
            Err(why) => {
                visit.denied(&caller, why);
                Err(denied(why))
            }
        }
    }

    async fn caller(
        &self,
        credentials: &dyn Credentials,
        visit: &Visit<'_>,
        request: &Request<'_>,
    ) -> Result<Caller, ApiError> {
        let presented = match presented(request.headers()) {
            Ok(None) => return Ok(Caller::Anonymous),
            Ok(Some(presented)) => presented,
            Err(error) => return Err(self.refused(None, "not understood", error, visit, request).await),
        };
        let means = presented.means;
        match credentials.recognise(presented).await? {
            Recognition::Known(principal) => {
                CallInfo::of(request).set_caller(CallerName::new(&principal.credential));
                Ok(Caller::Known(principal))
            }
            Recognition::Refused(why) => Err(self.refused(Some(means), why, refused(), visit, request).await),
        }
    }

    /// Counts credentials that were not good, and says what is answered: `error`, or that there were too many of them from
    /// there. Those have no audit line, so that nobody fills the log with them.
    async fn refused(
        &self,
        means: Option<Means>,
        why: &'static str,
        error: ApiError,
        visit: &Visit<'_>,
        request: &Request<'_>,
    ) -> ApiError {
        self.metrics.decided("unauthenticated", means);
        let who = address::network(visit.address);
        if let Err(limited) = self.take(RatePolicy::Failures, who, None, request).await {
            return limited;
        }
        visit.refused(means, why);
        error
    }

    async fn limit(
        &self,
        operation: Operation,
        caller: &Caller,
        visit: &Visit<'_>,
        request: &Request<'_>,
    ) -> Result<(), ApiError> {
        if self.limiter.is_none() {
            return Ok(());
        }
        let policy = policy_of(operation);
        let (who, own) = match caller {
            Caller::Known(principal) => {
                let who = format!("{}:{}", principal.means.as_str(), principal.subject);
                (who, principal.rates.of(policy))
            }
            Caller::Anonymous | Caller::Unchecked => (address::network(visit.address), None),
        };
        self.take(policy, who, own, request).await
    }

    async fn take(
        &self,
        policy: RatePolicy,
        who: String,
        own: Option<Rate>,
        request: &Request<'_>,
    ) -> Result<(), ApiError> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        // Who does not know what is left lets the caller go on: a limit is no lock.
        let Ok(Some(quota)) = limiter.take(policy, who, own).await else { return Ok(()) };
        remember(request, policy, quota);
        if quota.granted {
            return Ok(());
        }
        self.metrics.limited(policy);
        Err(limited(quota))
    }
}

/// Which calls are counted together.
fn policy_of(operation: Operation) -> RatePolicy {
    match operation {
        Operation::ListMovies
        | Operation::ReadMovie
        | Operation::ReadOrder
        | Operation::ListOrders
        | Operation::ListDeadLetters
        | Operation::ReadDeadLetter => RatePolicy::Reads,
        Operation::AddMovie
        | Operation::ChangeMovie
        | Operation::DeleteMovie
        | Operation::DeleteAllMovies
        | Operation::ReplayDeadLetters
        | Operation::ReplayDeadLetter
        | Operation::DiscardDeadLetter => RatePolicy::Writes,
        Operation::PlaceOrder => RatePolicy::Orders,
    }
}
