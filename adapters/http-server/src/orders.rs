//! The routes of orders: the intake, mounted by the gateway and by standalone, and the book, mounted by billing and
//! standalone over the use case and by the gateway over the HTTP client.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use keeper_domain::{IdempotencyKey, Invalid};
use keeper_ports::billing::{OrderBook, OrderIntake, Submission};
use keeper_wire::{AcceptedBody, ErrorCode, OrderBody, OrderFields};
use rocket::fairing::AdHoc;
use rocket::http::{Header, RawStr, Status};
use rocket::outcome::Outcome;
use rocket::request::{self, FromRequest};
use rocket::serde::json::Json;
use rocket::{Request, Route, Shutdown, State, get, post};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::OpenApi;
use rocket_okapi::request::{OpenApiFromRequest, RequestHeaderInput};
use rocket_okapi::{openapi, openapi_get_routes_spec};

use crate::auth::{Access, ListOrders, PlaceOrder, ReadOrder};
use crate::body::Body;
use crate::call::Call;
use crate::docs::parameters::idempotency_key;
use crate::front::LongAnswers;
use crate::page::Listing;
use crate::params::OrderIdParam;
use crate::query::{NoQuery, OrderList, OrderWait};
use crate::reply::{Accepted, Reply, Uncached, uncached};
use crate::waiters::Waiters;
use crate::{ApiError, HttpSettings, IntakeMetrics};

/// The longest order as JSON, in bytes: a user of 64 characters, each of four bytes, and the rest.
const LONGEST_ORDER: usize = 640;

/// Mounts the intake of orders.
pub fn intake_stage(intake: Arc<dyn OrderIntake>, metrics: IntakeMetrics) -> AdHoc {
    AdHoc::on_ignite("order intake", |rocket| async move {
        rocket.manage(intake).manage(metrics).mount("/", intake_routes_and_docs().0)
    })
}

/// Mounts the reading of orders.
pub fn book_stage(book: Arc<dyn OrderBook>) -> AdHoc {
    AdHoc::on_ignite("order book", |rocket| async move {
        let settings = rocket.state::<HttpSettings>().copied();
        let waiters = Waiters::of(&settings.unwrap_or(HttpSettings::at(Ipv4Addr::LOCALHOST.into(), 0)));
        rocket.manage(book).manage(waiters).mount("/", book_routes_and_docs().0)
    })
}

pub(crate) fn intake_routes_and_docs() -> (Vec<Route>, OpenApi) {
    openapi_get_routes_spec![submit]
}

pub(crate) fn book_routes_and_docs() -> (Vec<Route>, OpenApi) {
    openapi_get_routes_spec![read, list]
}

/// # Place an order
///
/// The answer comes as soon as the queue has taken responsibility for the order: from then on it is never lost. It is
/// recorded a moment later. With an `Idempotency-Key`, the same key of the same user is the same order, once, however
/// often it is sent; send it again with the same key whenever an answer did not arrive.
#[openapi(tag = "Orders", operation_id = "placeOrder")]
#[post("/api/billing", data = "<body>")]
async fn submit(
    intake: &State<Arc<dyn OrderIntake>>,
    metrics: &State<IntakeMetrics>,
    access: Reply<Access<'_, PlaceOrder>>,
    call: Call,
    key: Reply<Key>,
    query: Reply<NoQuery>,
    body: Reply<Body<OrderFields>>,
) -> Reply<Accepted<AcceptedBody>> {
    // Whoever may not order is no order that was refused.
    let access = access?;
    let answer = async {
        query?;
        let key = key?.0;
        let draft = OrderFields::parse(&body?.bytes().await?)?;
        access.to_orders_of(&draft.user)?;
        match call.run(intake.submit(draft, key)).await? {
            Submission::Accepted(order) => Ok(order),
            Submission::KeyReused => Err(key_reused()),
        }
    };
    let order = answer.await.inspect_err(|error: &ApiError| metrics.refused(error.code))?;
    metrics.accepted();
    let location = Header::new("Location", format!("/api/billing/orders/{}", order.id));
    Ok(Accepted { body: Json(AcceptedBody::from(&order)), location })
}

/// # Read an order
///
/// Found as soon as it is recorded; with `wait`, the answer comes when it is recorded or the time is over.
#[openapi(tag = "Orders", operation_id = "readOrder")]
#[get("/api/billing/orders/<order_id>")]
async fn read(
    book: &State<Arc<dyn OrderBook>>,
    waiters: &State<Waiters>,
    access: Reply<Access<'_, ReadOrder>>,
    call: Call,
    order_id: OrderIdParam,
    wait: Reply<OrderWait>,
    stopping: Shutdown,
) -> Reply<Uncached<Json<OrderBody>>> {
    let access = access?;
    let id = order_id.0?;
    let wait = wait?.0;
    let _permit = if wait.is_zero() { None } else { Some(waiters.permit()?) };
    let over = tokio::time::Instant::now() + wait;
    let order = call.run(async {
        tokio::select! {
            found = book.find(id, wait) => found,
            // A unit that stops lets nobody wait any longer, and says what is there.
            () = stopping.clone() => book.find(id, Duration::ZERO).await,
        }
    });
    match order.await? {
        Some(order) if access.to_orders_of(&order.order.draft.user).is_ok() => {
            Ok(Uncached::new(Json(order.into())))
        }
        found => {
            // Somebody else's order is answered like one that is not there: as late, too.
            if found.is_some() {
                tokio::select! {
                    () = tokio::time::sleep_until(over) => {}
                    () = stopping => {}
                }
            }
            Err(ApiError::not_found(format!("order {id} is not recorded, or not yet")))
        }
    }
}

/// # List a user's orders
///
/// In the order in which they were recorded, in pages. When there are more, the `Link` header has the address of the
/// next page.
#[openapi(tag = "Orders", operation_id = "listOrders")]
#[get("/api/billing/orders")]
async fn list(
    book: &State<Arc<dyn OrderBook>>,
    answers: &State<LongAnswers>,
    access: Reply<Access<'_, ListOrders>>,
    call: Call,
    query: Reply<OrderList>,
) -> Reply<Listing<OrderBody>> {
    let access = access?;
    let OrderList { user, page } = query?;
    access.to_orders_of(&user)?;
    let _permit = answers.reserve(usize::from(page.limit.get()) * LONGEST_ORDER).await?;
    let user_id = RawStr::new(user.as_written()).percent_encode().to_string();
    let slice = call.run(book.list(user, page)).await?;
    let next = format!("/api/billing/orders?user_id={user_id}&limit={}&after=", page.limit.get());
    let items = slice.items.into_iter().map(OrderBody::from).collect();
    Ok(Listing { items, more: slice.more, next, id: |order| order.order_id.clone(), cache: uncached() })
}

fn key_reused() -> ApiError {
    let message = "this Idempotency-Key names another order, which is recorded with other content";
    ApiError { field: Some(KEY_HEADER.into()), ..ApiError::new(ErrorCode::KeyReused, message) }
}

/// The header of the IETF draft `draft-ietf-httpapi-idempotency-key-header`.
const KEY_HEADER: &str = "Idempotency-Key";

/// The key, if the client sent one.
struct Key(Option<IdempotencyKey>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Key {
    type Error = ApiError;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, ApiError> {
        let mut headers = request.headers().get(KEY_HEADER);
        let key = headers.next().map(read_key).transpose();
        let wrong = |invalid: Invalid| Outcome::Error((Status::BadRequest, ApiError::from(invalid)));
        match key {
            _ if headers.next().is_some() => wrong(Invalid::new(KEY_HEADER, "must be given once")),
            Ok(key) => Outcome::Success(Self(key)),
            Err(invalid) => wrong(invalid),
        }
    }
}

/// Reads a key as it is, or in the quotes of the IETF draft (a string of RFC 8941): both are the same key.
fn read_key(text: &str) -> Result<IdempotencyKey, Invalid> {
    let Some(quoted) = text.strip_prefix('"') else { return IdempotencyKey::new(KEY_HEADER, text) };
    let wrong = || Invalid::new(KEY_HEADER, "begins with a quote and is no quoted text");
    let (mut key, mut characters) = (String::with_capacity(quoted.len()), quoted.chars());
    loop {
        match characters.next() {
            Some('"') => break,
            Some('\\') => match characters.next() {
                Some(escaped @ ('"' | '\\')) => key.push(escaped),
                _ => return Err(wrong()),
            },
            Some(other) => key.push(other),
            None => return Err(wrong()),
        }
    }
    if characters.next().is_some() { Err(wrong()) } else { IdempotencyKey::new(KEY_HEADER, &key) }
}

impl OpenApiFromRequest<'_> for Key {
    fn from_request_input(
        _: &mut OpenApiGenerator,
        _: String,
        _: bool,
    ) -> rocket_okapi::Result<RequestHeaderInput> {
        Ok(RequestHeaderInput::Parameter(idempotency_key()))
    }
}

#[cfg(test)]
mod tests {
    use super::read_key;

    #[test]
    fn a_key_in_quotes_is_the_same_key() {
        for (text, key) in [
            ("abc", "abc"),
            ("\"abc\"", "abc"),
            ("a\"b", "a\"b"),
            ("\"a\\\"b\"", "a\"b"),
            ("\"a\\\\b\"", "a\\b"),
            ("a\\b", "a\\b"),
        ] {
            assert_eq!(read_key(text).unwrap().as_str(), key, "{text}");
        }
        for wrong in ["", "\"", "\"\"", "\"abc", "\"abc\"d", "\"abc\";x=1", "\"a\\b\"", "\"a\\", "\"a b\""] {
            assert!(read_key(wrong).is_err(), "{wrong}");
        }
    }
}
