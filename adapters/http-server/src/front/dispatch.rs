use std::borrow::Cow;
use std::net::SocketAddr;

use hyper::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::http::StatusCode;
use hyper::http::request::Parts;
use rocket::http::uri::{Host, Origin};
use rocket::http::{Cookie, Header, Method};
use rocket::local::asynchronous::{Client, LocalResponse};
use tokio::io::AsyncReadExt;

use super::answer::{Answer, Body};
use super::kept::{self, Kept};
use super::late_body::LateBody;
use super::long_answers::LongAnswers;
use super::refusal::Refusal;
use crate::auth::API_KEY;

/// How a request's body is there.
pub(super) enum Sent {
    Whole(Vec<u8>),
    Later(LateBody),
}

/// Has Rocket handle a request.
pub(super) async fn dispatch(
    rocket: &Client,
    answers: &LongAnswers,
    method: Method,
    head: &Parts,
    body: Sent,
    client: SocketAddr,
) -> Result<Answer, Refusal> {
    let handled = async {
        let address = head.uri.path_and_query().map_or("", |address| address.as_str());
        let mut request = match Origin::parse(address) {
            Ok(origin) => rocket.req(method, origin),
            Err(_) => {
                rocket.req(method, Origin::parse_owned(encoded(address)).map_err(|_| Refusal::Malformed)?)
            }
        };
        request.set_remote(client);
        if let Some(host) = head.headers.get(HOST)
            && let Ok(host) = Host::parse(host.to_str().unwrap_or_default())
        {
            request.inner_mut().set_host(host);
        }
        for (name, value) in &head.headers {
            // Rocket knows headers as text only. Credentials that are none must be seen, to be refused and counted; of the
            // others, those that matter were refused.
            let value = match String::from_utf8_lossy(value.as_bytes()) {
                Cow::Owned(_) if name != AUTHORIZATION && name != API_KEY => continue,
                value => value,
            };
            if name == COOKIE {
                let cookies = Cookie::split_parse_encoded(value.clone().into_owned()).filter_map(Result::ok);
                request = request.cookies(cookies);
            }
            request.inner_mut().add_header(Header::new(name.as_str(), value));
        }
        match body {
            Sent::Whole(bytes) if bytes.is_empty() => {}
            Sent::Whole(bytes) => request.set_body(bytes),
            Sent::Later(late) => late.keep_in(request.inner()),
        }
        // More than 20 KiB, which would be moved from one future into the next.
        read(Box::pin(request.dispatch()).await, answers).await
    };
    kept::collect(handled).await
}

async fn read(mut response: LocalResponse<'_>, answers: &LongAnswers) -> Result<Answer, Refusal> {
    let status = StatusCode::from_u16(response.status().code).map_err(|_| Refusal::Internal)?;
    let mut headers = HeaderMap::with_capacity(12);
    for header in response.headers().iter() {
        let name = HeaderName::from_bytes(header.name.as_str().as_bytes()).map_err(|_| Refusal::Internal)?;
        let value = HeaderValue::from_str(&header.value).map_err(|_| Refusal::Internal)?;
        headers.append(name, value);
    }
    let (size, empty) = (response.body().preset_size(), response.body().is_none());
    let Kept { permit, file } = kept::take();
    let answer = |body, permit| Answer { status, headers, size, body, permit };
    if empty {
        return Ok(answer(Body::Own(Vec::new()), None));
    }
    if let Some(file) = file {
        return Ok(answer(Body::File(file), None));
    }
    let permit = answers.cover(permit, size.unwrap_or(0))?;
    let mut body = Vec::with_capacity(size.map_or(0, |size| size + 1));
    response.read_to_end(&mut body).await.map_err(|_| Refusal::Internal)?;
    let permit = answers.cover(permit, body.len())?;
    Ok(answer(Body::Own(body), permit))
}

/// An address with everything encoded that Rocket does not take as it is.
fn encoded(address: &str) -> String {
    let bytes = address.as_bytes();
    let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    let mut text = String::with_capacity(address.len() + 16);
    for (at, &byte) in bytes.iter().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~/?!$&'()*+,;=:@".contains(&byte);
        if plain || (byte == b'%' && hex(at + 1) && hex(at + 2)) {
            text.push(char::from(byte));
        } else {
            let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0').to_ascii_uppercase();
            text.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    text
}
