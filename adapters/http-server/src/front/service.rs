use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::header::{ACCEPT, CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, ORIGIN};
use hyper::http::request::Parts;
use hyper::{Request, Response};
use prometheus::IntGauge;
use rocket::http::Method;
use rocket::local::asynchronous::Client;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout_at;
use tokio_util::task::TaskTracker;

use super::answer::Answer;
use super::compression::Compressor;
use super::connection::{Connection, Phase};
use super::dispatch::dispatch;
use super::place::bytes_holding;
use super::refusal::{Refusal, Refused, begin};
use super::{FrontMetrics, HttpSettings, body, head};
use crate::HttpMetrics;
use crate::browser::Cors;

/// What answers the requests of all connections.
pub(super) struct Service {
    pub(super) rocket: Client,
    pub(super) settings: HttpSettings,
    pub(super) compressor: Compressor,
    pub(super) in_flight: Arc<Semaphore>,
    pub(super) gauges: FrontMetrics,
    pub(super) metrics: Option<HttpMetrics>,
    /// Connections, and what must not be cancelled when a client leaves.
    pub(super) tasks: TaskTracker,
}

/// A request's place among those in flight.
struct InFlight {
    _permit: OwnedSemaphorePermit,
    gauge: IntGauge,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}

impl Service {
    /// Answers a request.
    pub(super) async fn answer(
        self: Arc<Self>,
        connection: Arc<Connection>,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let started = Instant::now();
        let (head, body) = request.into_parts();
        let head = Arc::new(head);
        let handled = async {
            let (answer, place) = self.answered(&connection, &head, body).await?;
            Ok::<_, Refusal>((self.compressor.compress(&head, answer).await?, place))
        };
        let (answer, place) = match handled.await {
            Ok((answer, place)) => (answer, Some(place)),
            Err(refusal) => {
                let refused = Refused {
                    method: head.method.as_str(),
                    path: head.uri.path(),
                    request: begin(&head.headers),
                    started,
                    accepts: head
                        .headers
                        .get_all(ACCEPT)
                        .iter()
                        .filter_map(|line| line.to_str().ok())
                        .collect(),
                };
                let mut answer = refusal.answer(refused, &connection, self.metrics.as_ref());
                self.tell_browser(&head, &mut answer);
                (answer, None)
            }
        };
        connection.enter(Phase::Sending);
        Ok(response(answer, place))
    }

    async fn answered(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        head: &Arc<Parts>,
        body: Incoming,
    ) -> Result<(Answer, InFlight), Refusal> {
        let method = head::check(head)?;
        let mut cut = false;
        let bytes = if body.is_end_stream() {
            Vec::new()
        } else {
            connection.enter(Phase::Body);
            let deadline = tokio::time::Instant::now() + self.settings.body_timeout();
            let whole = body::read(body, &head.headers, deadline).await?;
            cut = whole.cut;
            whole.bytes
        };
        connection.enter(Phase::Handling);
        let place = self.place()?;
        let deadline = tokio::time::Instant::now() + self.settings.request_timeout();
        let (service, parts, client) = (Arc::clone(self), Arc::clone(head), connection.client);
        let handled = async move { dispatch(&service.rocket, method, &parts, bytes, client).await };
        let answer = if matches!(method, Method::Get | Method::Head | Method::Options) {
            timeout_at(deadline, handled).await.map_err(|_| Refusal::Overdue)?
        } else {
            // What changes something goes on when its client leaves, or has waited for too long.
            let handled = self.tasks.spawn(async move { (handled.await, place) });
            let ended = timeout_at(deadline, handled).await.map_err(|_| Refusal::Overdue)?;
            let (answer, place) = ended.map_err(|_| Refusal::Broken)?;
            return Ok((closing(answer?, cut), place));
        };
        Ok((closing(answer?, cut), place))
    }

    /// A page of another site that may call sees refusals too.
    fn tell_browser(&self, head: &Parts, answer: &mut Answer) {
        let Some(cors) = self.rocket.rocket().state::<Cors>() else { return };
        let origin = head.headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
        for (name, value) in cors.headers(origin) {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                answer.headers.append(name, value);
            }
        }
    }

    fn place(&self) -> Result<InFlight, Refusal> {
        let permit = Arc::clone(&self.in_flight).try_acquire_owned().or(Err(Refusal::Overloaded))?;
        let gauge = self.gauges.in_flight.clone();
        gauge.inc();
        Ok(InFlight { _permit: permit, gauge })
    }
}

fn closing(mut answer: Answer, cut: bool) -> Answer {
    if cut {
        answer.headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

fn response(answer: Answer, held: Option<InFlight>) -> Response<Full<Bytes>> {
    let Answer { status, headers, size, body, places } = answer;
    let mut response = Response::new(Full::new(bytes_holding(body, (places, held))));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    if let Some(size) = size {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(size));
    }
    response
}
