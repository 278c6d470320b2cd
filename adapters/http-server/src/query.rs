//! Queries, read strictly: a misspelt key is an error, not a filter that silently does nothing.

use std::borrow::Cow;
use std::time::Duration;

use keeper_domain::{Invalid, MovieId, MovieQuery, OrderId, Page, PageLimit, TitlePart, UserId};
use keeper_ports::inventory::MAX_IDS;
use keeper_wire::ErrorCode;
use rocket::Request;
use rocket::http::Status;
use rocket::outcome::Outcome;
use rocket::request::{self, FromRequest};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::request::{OpenApiFromRequest, RequestHeaderInput};

use crate::ApiError;

/// The longest time for which a client may wait for an order, in seconds.
pub(crate) const MAX_WAIT_S: u64 = 30;

/// `?title=&limit=&after=`
pub(crate) struct MovieList {
    pub(crate) query: MovieQuery,
    pub(crate) page: Page<MovieId>,
}

impl Read for MovieList {
    fn read(mut query: Query<'_>) -> Result<Self, ApiError> {
        let title = query.take("title")?;
        let page = page(&mut query, MovieId::parse)?;
        query.end()?;
        let part = title.as_deref().map(TitlePart::new).transpose()?.flatten();
        Ok(Self { query: MovieQuery { title: part }, page })
    }
}

/// `?ids=1,2,3`
pub(crate) struct MovieIds(pub(crate) Vec<MovieId>);

impl Read for MovieIds {
    fn read(mut query: Query<'_>) -> Result<Self, ApiError> {
        let ids = query.take("ids")?.ok_or_else(|| Invalid::new("ids", "must be given"))?;
        query.end()?;
        if ids.split(',').count() > MAX_IDS {
            return Err(Invalid::new("ids", format!("must be at most {MAX_IDS}")).into());
        }
        let ids: Result<_, Invalid> = ids.split(',').map(|id| MovieId::parse("ids", id)).collect();
        Ok(Self(ids?))
    }
}

/// `?user_id=&limit=&after=`
pub(crate) struct OrderList {
    pub(crate) user: UserId,
    pub(crate) page: Page<OrderId>,
}

impl Read for OrderList {
    fn read(mut query: Query<'_>) -> Result<Self, ApiError> {
        let user = query.take("user_id")?.ok_or_else(|| Invalid::new("user_id", "must be given"))?;
        let page = page(&mut query, OrderId::parse)?;
        query.end()?;
        Ok(Self { user: UserId::new(&user)?, page })
    }
}

/// `?wait=`
pub(crate) struct OrderWait(pub(crate) Duration);

impl Read for OrderWait {
    fn read(mut query: Query<'_>) -> Result<Self, ApiError> {
        let wait = query.take("wait")?;
        query.end()?;
        let Some(wait) = wait else { return Ok(Self(Duration::ZERO)) };
        match wait.parse() {
            Ok(seconds @ 0..=MAX_WAIT_S) if wait.bytes().all(|byte| byte.is_ascii_digit()) => {
                Ok(Self(Duration::from_secs(seconds)))
            }
            _ => Err(Invalid::new("wait", format!("must be whole seconds from 0 to {MAX_WAIT_S}")).into()),
        }
    }
}

/// The most dead letters of a list: nobody knows how large a message of another publisher is.
pub(crate) const MAX_DEAD_LETTERS: u16 = 100;

/// `?limit=`
pub(crate) struct DeadLetterLimit(pub(crate) u16);

impl Read for DeadLetterLimit {
    fn read(mut query: Query<'_>) -> Result<Self, ApiError> {
        let limit = query.take("limit")?;
        query.end()?;
        let Some(limit) = limit else { return Ok(Self(MAX_DEAD_LETTERS)) };
        match limit.parse() {
            Ok(number @ 1..=MAX_DEAD_LETTERS) if limit.bytes().all(|byte| byte.is_ascii_digit()) => {
                Ok(Self(number))
            }
            _ => {
                let rule = format!("must be a whole number from 1 to {MAX_DEAD_LETTERS}");
                Err(Invalid::new("limit", rule).into())
            }
        }
    }
}

/// The longest reason, in characters.
pub(crate) const MAX_REASON_CHARS: usize = 500;

/// `?reason=`: why something is thrown away.
pub(crate) struct Because(pub(crate) String);

impl Read for Because {
    fn read(mut query: Query<'_>) -> Result<Self, ApiError> {
        let reason = query.take("reason")?.unwrap_or_default();
        query.end()?;
        let reason = reason.trim();
        if reason.is_empty() || reason.chars().count() > MAX_REASON_CHARS || reason.contains(char::is_control)
        {
            let rule =
                format!("must be given: 1 to {MAX_REASON_CHARS} characters, without control characters");
            return Err(Invalid::new("reason", rule).into());
        }
        Ok(Self(reason.to_owned()))
    }
}

/// No query at all.
pub(crate) struct NoQuery;

impl Read for NoQuery {
    fn read(query: Query<'_>) -> Result<Self, ApiError> {
        query.end().map(|()| Self)
    }
}

fn page<Id>(
    query: &mut Query<'_>,
    parse: impl FnOnce(&'static str, &str) -> Result<Id, Invalid>,
) -> Result<Page<Id>, ApiError> {
    let limit = query.take("limit")?.map(|limit| PageLimit::parse(&limit)).transpose()?.unwrap_or_default();
    let after = query.take("after")?.map(|after| parse("after", &after)).transpose()?;
    Ok(Page { after, limit })
}

/// The pairs of a query that nobody has asked for yet.
struct Query<'r>(Vec<(Cow<'r, str>, Cow<'r, str>)>);

impl<'r> Query<'r> {
    fn of(request: &'r Request<'_>) -> Result<Self, ApiError> {
        let decode = |text: &'r rocket::http::RawStr| {
            let wrong = |_| ApiError::new(ErrorCode::Invalid, "the query must be UTF-8, percent-encoded");
            text.url_decode().map_err(wrong)
        };
        let segments = request.uri().query().into_iter().flat_map(|query| query.raw_segments());
        let pairs = segments.filter(|pair| !pair.is_empty()).map(|pair| pair.split_at_byte(b'='));
        pairs
            .map(|(key, value)| Ok((decode(key)?, decode(value)?)))
            .collect::<Result<_, ApiError>>()
            .map(Self)
    }

    fn take(&mut self, key: &'static str) -> Result<Option<Cow<'r, str>>, Invalid> {
        let Some(at) = self.0.iter().position(|(is, _)| is == key) else { return Ok(None) };
        let (_, value) = self.0.swap_remove(at);
        if self.0.iter().any(|(is, _)| is == key) {
            return Err(Invalid::new(key, "must be given once"));
        }
        Ok(Some(value))
    }

    /// Refuses what is left: nobody knows it.
    fn end(self) -> Result<(), ApiError> {
        let Some((key, _)) = self.0.first() else { return Ok(()) };
        let key: String = key.chars().filter(|char| !char.is_control()).take(40).collect();
        let message = format!("the query key {key:?} is not known here");
        Err(ApiError { field: Some(key.into()), ..ApiError::new(ErrorCode::Invalid, message) })
    }
}

trait Read: Sized {
    fn read(query: Query<'_>) -> Result<Self, ApiError>;
}

/// Makes a query a request guard. Its keys are documented in [`crate::docs`].
macro_rules! guard {
    ($($query:ty),+) => {$(
        #[rocket::async_trait]
        impl<'r> FromRequest<'r> for $query {
            type Error = ApiError;

            async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, ApiError> {
                match Query::of(request).and_then(Self::read) {
                    Ok(query) => Outcome::Success(query),
                    Err(error) => Outcome::Error((Status::new(error.code.status()), error)),
                }
            }
        }

        impl OpenApiFromRequest<'_> for $query {
            fn from_request_input(
                _: &mut OpenApiGenerator,
                _: String,
                _: bool,
            ) -> rocket_okapi::Result<RequestHeaderInput> {
                Ok(RequestHeaderInput::None)
            }
        }
    )+};
}

guard!(MovieList, MovieIds, OrderList, OrderWait, DeadLetterLimit, Because, NoQuery);
