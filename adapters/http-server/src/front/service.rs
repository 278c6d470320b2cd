use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::header::{ACCEPT, CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use hyper::http::request::Parts;
use hyper::{Request, Response};
use rocket::http::Method;
use rocket::local::asynchronous::Client;
use tokio::time::timeout_at;
use tokio_util::task::TaskTracker;

use super::answer::Answer;
use super::body::{self, Whole};
use super::compression::Compressor;
use super::connection::{Connection, Phase};
use super::dispatch::{Sent, dispatch};
use super::in_flight::{InFlight, InFlightPermits};
use super::late_body::LateBody;
use super::long_answers::LongAnswers;
use super::refusal::{Refusal, Refused, begin};
use super::{HttpSettings, head};
use crate::HttpMetrics;
use crate::auth::address::{FORWARDED, seen};
use crate::browser::{Cors, SCHEME, Security, Shown};
use crate::prefix::{PREFIX, prefix};

/// What answers the requests of all connections.
pub(super) struct Service {
    pub(super) rocket: Client,
    pub(super) settings: HttpSettings,
    pub(super) compressor: Compressor,
    pub(super) permits: InFlightPermits,
    pub(super) long_answers: LongAnswers,
    pub(super) metrics: Option<HttpMetrics>,
    /// Connections, and what must not be cancelled when a client leaves.
    pub(super) tasks: TaskTracker,
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
        let waits = !body.is_end_stream() && body::waits_for_word(&head);
        let handled = async {
            let (answer, permit) = self.answered(&connection, &head, body, waits).await?;
            Ok::<_, Refusal>((self.compressed(&head, answer).await?, permit))
        };
        let (answer, permit) = match handled.await {
            Ok(answered) => answered,
            Err(refusal) => {
                let trusted = self.settings.trusted_proxies;
                let refused = Refused {
                    method: head.method.as_str(),
                    path: head.uri.path(),
                    client: seen(connection.client.ip(), lines(&head.headers, FORWARDED), trusted),
                    prefix: prefix(lines(&head.headers, PREFIX), self.settings.prefix_proxies()),
                    request: begin(&head.headers),
                    started,
                    accepts: lines(&head.headers, ACCEPT.as_str()).collect(),
                };
                let mut answer = refusal.answer(refused, self.metrics.as_ref());
                self.tell_browser(&head.headers, &mut answer);
                // A sender that waits for our word may not send the body any more.
                (closing(answer, waits), None)
            }
        };
        connection.send(answer.body.len());
        Ok(response(answer, permit))
    }

    /// The answer as it is sent, with the permit that this needs.
    async fn compressed(&self, head: &Parts, answer: Answer) -> Result<Answer, Refusal> {
        let mut answer = self.compressor.compress(head, answer).await?;
        if answer.permit.is_some() {
            answer.permit = self.long_answers.cover(answer.permit, answer.body.len())?;
        }
        Ok(answer)
    }

    async fn answered(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        head: &Arc<Parts>,
        body: Incoming,
        waits: bool,
    ) -> Result<(Answer, Option<InFlight>), Refusal> {
        let method = head::check(head)?;
        let patience = self.settings.body_timeout();
        let request = Received { method, head, client: connection.client };
        if waits {
            connection.enter(Phase::Handling);
            let late = LateBody::new(body, head, connection, &self.permits, patience)?;
            let waited = || late.waited();
            let (answer, late) =
                self.handled(request, Sent::Later(late.clone()), late.clone(), waited).await?;
            return Ok((closing(answer, late.is_cut()), late.take_permit()));
        }
        let whole = if body.is_end_stream() {
            Whole { bytes: Vec::new(), cut: false }
        } else {
            connection.enter(Phase::Body);
            body::read(body, &head.headers, tokio::time::Instant::now() + patience).await?
        };
        connection.enter(Phase::Handling);
        let permit = self.permits.take()?;
        let (answer, permit) =
            self.handled(request, Sent::Whole(whole.bytes), permit, || Duration::ZERO).await?;
        Ok((closing(answer, whole.cut), Some(permit)))
    }

    /// Has Rocket handle a request, in time. The permit is kept as long as that goes on; what was waited is added to the
    /// time.
    async fn handled<P: Send + 'static>(
        self: &Arc<Self>,
        request: Received<'_>,
        body: Sent,
        permit: P,
        waited: impl Fn() -> Duration,
    ) -> Result<(Answer, P), Refusal> {
        let Received { method, head, client } = request;
        let deadline = Instant::now() + self.settings.request_timeout();
        let deadline = || deadline + waited();
        let (service, head) = (Arc::clone(self), Arc::clone(head));
        let handled = async move {
            dispatch(&service.rocket, &service.long_answers, method, &head, body, client).await
        };
        if matches!(method, Method::Get | Method::Head | Method::Options) {
            return Ok((before(deadline, handled).await??, permit));
        }
        // What changes something goes on when its client leaves, or has waited for too long.
        let handled = self.tasks.spawn(async move { (handled.await, permit) });
        let (answer, permit) = before(deadline, handled).await?.map_err(|_| Refusal::Internal)?;
        Ok((answer?, permit))
    }

    /// A page of another site that may call sees refusals too, and no browser does with them what it may not with others.
    pub(super) fn tell_browser(&self, head: &HeaderMap, answer: &mut Answer) {
        let rocket = self.rocket.rocket();
        if let Some(cors) = rocket.state::<Cors>() {
            let origin = head.get(ORIGIN).and_then(|origin| origin.to_str().ok());
            for (name, value) in cors.headers(origin) {
                if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                    answer.headers.append(name, value);
                }
            }
        }
        if let Some(security) = rocket.state::<Security>() {
            for (name, value) in security.headers(Shown::Data, lines(head, SCHEME)) {
                if let Ok(name) = HeaderName::try_from(name) {
                    answer.headers.insert(name, HeaderValue::from_static(value));
                }
            }
        }
    }
}

/// A request whose head is good.
struct Received<'a> {
    method: Method,
    head: &'a Arc<Parts>,
    client: SocketAddr,
}

/// The lines of a header that are text.
fn lines<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    headers.get_all(name).iter().filter_map(|line| line.to_str().ok())
}

/// What comes of a future before a deadline, which may move on meanwhile.
async fn before<F: Future>(deadline: impl Fn() -> Instant, future: F) -> Result<F::Output, Refusal> {
    let mut future = std::pin::pin!(future);
    loop {
        let until = deadline();
        match timeout_at(until.into(), &mut future).await {
            Ok(output) => return Ok(output),
            Err(_) if deadline() > until => {}
            Err(_) => return Err(Refusal::Overdue),
        }
    }
}

fn closing(mut answer: Answer, cut: bool) -> Answer {
    if cut {
        answer.headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

fn response(answer: Answer, in_flight: Option<InFlight>) -> Response<Full<Bytes>> {
    let Answer { status, headers, size, body, permit } = answer;
    let mut response = Response::new(Full::new(body.with((permit, in_flight))));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    if let Some(size) = size {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(size));
    }
    response
}
