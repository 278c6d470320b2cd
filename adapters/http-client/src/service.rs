use std::time::Duration;

use keeper_domain::Edit;
use keeper_ports::{PortError, PortResult};
use keeper_settings::WrongSetting;
use keeper_wire::{ErrorBody, ErrorCode};
use reqwest::header::{HeaderMap, LINK};
use reqwest::{Client, Method, Request, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use url::Url;

use crate::body::{Body, Room, Unanswered};
use crate::call_span::{Attempt, CallSpan};

/// How long a connection may be idle in the pool: well below the 75 s after which the server closes it.
const POOL_IDLE: Duration = Duration::from_secs(30);

/// Where a service is, and how long it may take.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSettings {
    /// The service's address: `http://host:port`.
    pub url: String,
    /// The longest time for an answer, in milliseconds; a connection is given half of it.
    pub timeout_ms: u64,
}

/// Why there is no client.
#[derive(Debug, Error)]
pub enum ServiceError {
    /// A setting cannot be used.
    #[error(transparent)]
    Settings(#[from] WrongSetting),
    /// The HTTP client does not start.
    #[error("the HTTP client does not start: {0}")]
    Client(#[from] reqwest::Error),
}

impl ClientSettings {
    /// Says whether a client can be made. `section` is the name of this section of the settings.
    ///
    /// # Errors
    /// The address is not of the form `http://host:port`, or the timeout is zero.
    pub fn check(&self, section: &str) -> Result<(), WrongSetting> {
        self.base(section).map(drop)
    }

    /// The longest time for an answer.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    fn base(&self, section: &str) -> Result<Url, WrongSetting> {
        if self.timeout_ms == 0 {
            return Err(WrongSetting::new(format!("{section}.timeout_ms"), "must be at least 1"));
        }
        // A password has no place in it, nor in the error.
        let shown = if self.url.contains('@') { "an address with a user" } else { &self.url };
        let why = || format!("must be an address such as http://127.0.0.1:8080, not {shown:?}");
        let wrong = || WrongSetting::new(format!("{section}.url"), why());
        let url = Url::parse(&self.url).map_err(|_| wrong())?;
        let with_user = !url.username().is_empty() || url.password().is_some();
        if url.scheme() != "http"
            || url.host().is_none()
            || with_user
            || url.path() != "/"
            || url.query().is_some()
        {
            return Err(wrong());
        }
        Ok(url)
    }
}

/// A service that speaks our API.
#[derive(Debug, Clone)]
pub struct Service {
    dependency: &'static str,
    client: Client,
    base: Url,
    timeout: Duration,
    room: Room,
}

impl Service {
    /// Makes the client of a service; `dependency` is its name for operators, and of its section of the settings. No
    /// connection is made yet.
    ///
    /// # Errors
    /// A setting cannot be used.
    pub fn new(dependency: &'static str, settings: &ClientSettings) -> Result<Self, ServiceError> {
        let base = settings.base(dependency)?;
        let timeout = settings.timeout();
        let client = Client::builder()
            .connect_timeout(timeout / 2)
            .pool_idle_timeout(POOL_IDLE)
            .tcp_nodelay(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { dependency, client, base, timeout, room: Room::new() })
    }

    /// The service's name for operators.
    pub(crate) fn dependency(&self) -> &'static str {
        self.dependency
    }

    /// Starts a request to a path, which may have a query.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let mut url = self.base.clone();
        url.set_path(path);
        url.set_query(query);
        self.client.request(method, url).timeout(self.timeout)
    }

    /// The longest time for an answer.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends a request that must not be sent twice. Where its connection broke, nobody knows whether it took effect, and
    /// the error is `TimedOut`.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Answer, CallError> {
        let answer = self.exchange(request, Attempt::First).await.map_err(|error| match error {
            Unanswered::Interrupted(error) if !error.is_connect() && !error.is_builder() => {
                PortError::timed_out(self.dependency, error)
            }
            other => self.unanswered(other),
        })?;
        self.successful(answer)
    }

    /// Sends a request that changes nothing, and once more when its connection broke: the service may just have been
    /// replaced.
    pub(crate) async fn read(&self, request: RequestBuilder) -> Result<Answer, CallError> {
        let again = request.try_clone();
        match (self.exchange(request, Attempt::First).await, again) {
            (Ok(answer), _) => self.successful(answer),
            (Err(Unanswered::Interrupted(error)), Some(again))
                if !error.is_timeout() && !error.is_connect() =>
            {
                let answer = self.exchange(again, Attempt::Second).await;
                self.successful(answer.map_err(|error| self.unanswered(error))?)
            }
            (Err(error), _) => Err(self.unanswered(error).into()),
        }
    }

    /// Sends a request, with the id and the trace of the request that it is made for, and takes its answer.
    async fn exchange(&self, request: RequestBuilder, attempt: Attempt) -> Result<Answer, Unanswered> {
        let mut request = request.build()?;
        let span = CallSpan::begin(self.dependency, &request, attempt);
        span.write_headers(request.headers_mut());
        let answer = self.answer(request).await;
        span.end(answer.as_ref().map(|answer| answer.status));
        answer
    }

    async fn answer(&self, request: Request) -> Result<Answer, Unanswered> {
        let mut response = self.client.execute(request).await?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        Ok(Answer { status, headers, body: self.room.read(response).await? })
    }

    /// Reads an answer's body.
    pub(crate) fn body<T: DeserializeOwned>(&self, answer: &Answer) -> PortResult<T> {
        serde_json::from_slice(answer.body.bytes()).map_err(|error| PortError::failed(self.dependency, error))
    }

    /// Lets success through; what else the service says keeps its meaning.
    fn successful(&self, answer: Answer) -> Result<Answer, CallError> {
        let status = answer.status;
        if status.is_success() {
            return Ok(answer);
        }
        let body: Option<ErrorBody> = serde_json::from_slice(answer.body.bytes()).ok();
        let cause = match &body {
            Some(body) => format!("it answered {status}, {}: {}", body.code.as_str(), body.message),
            None => format!("it answered {status}"),
        };
        let error = match (status, body.map(|body| body.code)) {
            (StatusCode::NOT_FOUND, Some(ErrorCode::NotFound)) => {
                return Err(CallError::NotFound(PortError::failed(self.dependency, cause)));
            }
            (StatusCode::PRECONDITION_FAILED, Some(ErrorCode::PreconditionFailed)) => {
                return Err(CallError::Outdated(PortError::failed(self.dependency, cause)));
            }
            (
                StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY | StatusCode::TOO_MANY_REQUESTS,
                _,
            ) => PortError::unavailable(self.dependency, cause),
            (StatusCode::GATEWAY_TIMEOUT, _) => PortError::timed_out(self.dependency, cause),
            _ => PortError::failed(self.dependency, cause),
        };
        Err(error.into())
    }

    fn unanswered(&self, error: Unanswered) -> PortError {
        let Unanswered::Interrupted(error) = error else { return PortError::failed(self.dependency, error) };
        if error.is_timeout() && !error.is_connect() {
            PortError::timed_out(self.dependency, error)
        } else if error.is_builder() {
            PortError::failed(self.dependency, error)
        } else {
            PortError::unavailable(self.dependency, error)
        }
    }
}

/// An answer that has come whole: one that breaks off is none.
pub(crate) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Body,
}

impl Answer {
    /// The number in a header, if it is there and is one.
    pub(crate) fn number(&self, header: &str) -> Option<u64> {
        self.headers.get(header)?.to_str().ok()?.parse().ok()
    }

    /// Says whether it announces a next page.
    pub(crate) fn has_next_page(&self) -> bool {
        let links = self.headers.get_all(LINK);
        links.iter().filter_map(|link| link.to_str().ok()).any(|link| link.contains("rel=\"next\""))
    }
}

/// Why a call gave no answer that could be used.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The service has no such thing. Where a port has nothing to say for that, it is the error within.
    NotFound(PortError),
    /// It is in another version than the call was meant for.
    Outdated(PortError),
    /// Anything else.
    Port(PortError),
}

impl From<PortError> for CallError {
    fn from(error: PortError) -> Self {
        Self::Port(error)
    }
}

impl From<CallError> for PortError {
    fn from(error: CallError) -> Self {
        let (CallError::NotFound(error) | CallError::Outdated(error) | CallError::Port(error)) = error;
        error
    }
}

/// Makes "no such thing" the `None` that the ports have for it.
pub(crate) fn found<T>(result: Result<T, CallError>) -> PortResult<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(CallError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What became of a call that was meant for certain versions.
pub(crate) fn edited(result: Result<Answer, CallError>) -> PortResult<Edit<Answer>> {
    match result {
        Ok(answer) => Ok(Edit::Done(answer)),
        Err(CallError::NotFound(_)) => Ok(Edit::Absent),
        Err(CallError::Outdated(_)) => Ok(Edit::Outdated),
        Err(CallError::Port(error)) => Err(error),
    }
}
