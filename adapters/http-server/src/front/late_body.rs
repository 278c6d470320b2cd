use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::http::request::Parts;
use rocket::Request;
use tokio::time::Instant;

use super::body;
use super::connection::{Connection, Phase};
use super::in_flight::{InFlight, InFlightPermits};
use super::refusal::Refusal;
use crate::ApiError;

/// A body whose sender waits for our word (`Expect: 100-continue`). It gets that word when a handler wants the body: what
/// is refused by the head alone is refused without it.
#[derive(Clone)]
pub(crate) struct LateBody(Arc<Late>);

struct Late {
    body: Mutex<Option<Incoming>>,
    head: Arc<Parts>,
    connection: Arc<Connection>,
    permits: InFlightPermits,
    /// Given back while the body comes, which its sender may make last.
    permit: Mutex<Option<InFlight>>,
    patience: Duration,
    waiting: Mutex<Waiting>,
    /// The body was read to its end.
    read: AtomicBool,
}

/// How long a sender has kept us waiting.
#[derive(Clone, Copy)]
enum Waiting {
    NotYet,
    Since(Instant),
    Over(Duration),
}

/// What a request has of it.
struct Slot(Option<LateBody>);

impl LateBody {
    /// Leaves the body where it is.
    ///
    /// # Errors
    /// There is no permit for the request.
    pub(super) fn new(
        body: Incoming,
        head: &Arc<Parts>,
        connection: &Arc<Connection>,
        permits: &InFlightPermits,
        patience: Duration,
    ) -> Result<Self, Refusal> {
        let permit = permits.take()?;
        Ok(Self(Arc::new(Late {
            body: Mutex::new(Some(body)),
            head: Arc::clone(head),
            connection: Arc::clone(connection),
            permits: permits.clone(),
            permit: Mutex::new(Some(permit)),
            patience,
            waiting: Mutex::new(Waiting::NotYet),
            read: AtomicBool::new(false),
        })))
    }

    /// Keeps it for whoever handles the request.
    pub(super) fn keep_in(self, request: &Request<'_>) {
        request.local_cache(|| Slot(Some(self)));
    }

    /// That of the request, if its sender waits.
    pub(crate) fn of(request: &Request<'_>) -> Option<Self> {
        request.local_cache(|| Slot(None)).0.clone()
    }

    /// Tells the sender to go on, and reads the body: at most a byte more than the largest one. A second reading is empty.
    ///
    /// # Errors
    /// The body ends early or does not come in time, or there is no permit for the request any more.
    pub(crate) async fn read(&self) -> Result<Vec<u8>, ApiError> {
        let late = &*self.0;
        let Some(body) = locked(&late.body).take() else { return Ok(Vec::new()) };
        drop(self.take_permit());
        late.connection.enter(Phase::Body);
        let began = Instant::now();
        *locked(&late.waiting) = Waiting::Since(began);
        let whole = body::read(body, &late.head.headers, began + late.patience).await;
        *locked(&late.waiting) = Waiting::Over(began.elapsed());
        late.connection.enter(Phase::Handling);
        let whole = whole?;
        late.read.store(!whole.cut, Ordering::Release);
        *locked(&late.permit) = Some(late.permits.take()?);
        Ok(whole.bytes)
    }

    /// How long its sender has kept us waiting so far, which is none of the time that we may take.
    pub(super) fn waited(&self) -> Duration {
        match *locked(&self.0.waiting) {
            Waiting::NotYet => Duration::ZERO,
            Waiting::Since(began) => began.elapsed(),
            Waiting::Over(waited) => waited,
        }
    }

    /// Some of it was not read: nothing more can be read from the connection.
    pub(super) fn is_cut(&self) -> bool {
        !self.0.read.load(Ordering::Acquire)
    }

    /// The request's permit.
    pub(super) fn take_permit(&self) -> Option<InFlight> {
        locked(&self.0.permit).take()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let (_, code, message) = refusal.parts();
        Self::new(code, message)
    }
}
