use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};

use keeper_access::{Operation, decide_for};
use keeper_domain::{Caller, UserId};
use keeper_ports::PortError;
use rocket::Request;
use rocket::http::Status;
use rocket::outcome::Outcome;
use rocket::request::{self, FromRequest};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::request::{OpenApiFromRequest, RequestHeaderInput};

use super::AccessControl;
use super::denied::denied;
use super::visit::Visit;
use crate::ApiError;
use crate::call::CallInfo;

/// Names a call as a type, for the guard of its route.
pub(crate) trait Guarded: Send + Sync + 'static {
    const OPERATION: Operation;
}

macro_rules! guarded {
    ($($operation:ident),+) => {$(
        pub(crate) struct $operation;

        impl Guarded for $operation {
            const OPERATION: Operation = Operation::$operation;
        }
    )+};
}

guarded!(
    AddMovie,
    ListMovies,
    ReadMovie,
    ChangeMovie,
    DeleteMovie,
    DeleteAllMovies,
    PlaceOrder,
    ReadOrder,
    ListOrders,
    ListDeadLetters,
    ReadDeadLetter,
    ReplayDeadLetters,
    ReplayDeadLetter,
    DiscardDeadLetter
);

/// Somebody who may make the call `O`.
pub(crate) struct Access<'r, O> {
    caller: Caller,
    visit: Visit<'r>,
    /// They were let in, and then lacked something all the same.
    denied: AtomicBool,
    operation: PhantomData<O>,
}

/// Whether they were let in is decided when all that asks for them has been done.
impl<O> Drop for Access<'_, O> {
    fn drop(&mut self) {
        if !*self.denied.get_mut() {
            self.visit.allowed(&self.caller);
        }
    }
}

impl<O> Access<'_, O> {
    /// Writes down what came of a change of theirs (of how many things, or why of none), and why they made it.
    pub(crate) fn changed(&self, action: &'static str, reason: &str, outcome: Result<u64, &PortError>) {
        self.visit.changed(&self.caller, action, reason, outcome);
    }

    /// Says whether they may do so with this user's orders.
    pub(crate) fn to_orders_of(&self, user: &UserId) -> Result<(), ApiError> {
        decide_for(user, &self.caller).map_err(|why| {
            self.denied.store(true, Ordering::Relaxed);
            self.visit.denied(&self.caller, why);
            denied(why)
        })
    }
}

#[rocket::async_trait]
impl<'r, O: Guarded> FromRequest<'r> for Access<'r, O> {
    type Error = ApiError;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, ApiError> {
        let admitted = if let Some(control) = request.rocket().state::<AccessControl>() {
            control.admit(O::OPERATION, request).await
        } else {
            CallInfo::of(request).take_caller(request);
            Ok((Caller::Unchecked, Visit::new(O::OPERATION, request, None)))
        };
        match admitted {
            Ok((caller, visit)) => Outcome::Success(Self {
                caller,
                visit,
                denied: AtomicBool::new(false),
                operation: PhantomData,
            }),
            Err(error) => Outcome::Error((Status::new(error.code.status()), error)),
        }
    }
}

/// What it needs is said per operation, in [`crate::docs`].
impl<'r, O> OpenApiFromRequest<'r> for Access<'r, O>
where
    O: Guarded,
{
    fn from_request_input(
        _: &mut OpenApiGenerator,
        _: String,
        _: bool,
    ) -> rocket_okapi::Result<RequestHeaderInput> {
        Ok(RequestHeaderInput::None)
    }
}
