use std::io::Cursor;

use rocket::Request;
use rocket::http::{ContentType, Header, Status};
use rocket::response::{self, Responder, Response};
use rocket::serde::json::Json;
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::Responses;
use rocket_okapi::response::OpenApiResponderInner;
use schemars::JsonSchema;
use serde::Serialize;

use crate::front::LONGEST_PAGE;

/// A page of a list, as much of it as may be sent; where the list goes on, with the address of the next page (`Link`, RFC
/// 8288).
pub(crate) struct Listing<T> {
    pub(crate) items: Vec<T>,
    /// There are entries after these.
    pub(crate) more: bool,
    /// The address of the next page but for the id of the last entry of this one.
    pub(crate) next: String,
    /// An entry's id.
    pub(crate) id: fn(&T) -> String,
    pub(crate) cache: Header<'static>,
}

impl<'r, T: Serialize> Responder<'r, 'static> for Listing<T> {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        let Self { items, more, next, id, cache } = self;
        let (text, written) = written(&items, LONGEST_PAGE).map_err(|_| Status::InternalServerError)?;
        let mut response = Response::build();
        response.header(ContentType::JSON).header(cache);
        if let Some(last) = items.get(..written).and_then(<[T]>::last)
            && (more || written < items.len())
        {
            response.header(Header::new("Link", format!("<{next}{}>; rel=\"next\"", id(last))));
        }
        response.sized_body(text.len(), Cursor::new(text)).ok()
    }
}

impl<T: Serialize + JsonSchema + Send> OpenApiResponderInner for Listing<T> {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        Json::<Vec<T>>::responses(generator)
    }
}

/// As many of these as fit into a JSON array of so many bytes, at least one; and how many those are.
fn written<T: Serialize>(items: &[T], longest: usize) -> serde_json::Result<(Vec<u8>, usize)> {
    let (mut text, mut number) = (Vec::with_capacity(128), 0);
    text.push(b'[');
    for item in items {
        let before = text.len();
        if number > 0 {
            text.push(b',');
        }
        serde_json::to_writer(&mut text, item)?;
        if number > 0 && text.len() >= longest {
            text.truncate(before);
            break;
        }
        number += 1;
    }
    text.push(b']');
    Ok((text, number))
}

#[cfg(test)]
mod tests {
    use super::written;

    #[test]
    fn a_page_ends_before_it_is_too_long() {
        let of = |items: &[&str], longest| {
            let (text, number) = written(items, longest).unwrap();
            (String::from_utf8(text).unwrap(), number)
        };
        assert_eq!(of(&[], 10), ("[]".into(), 0));
        assert_eq!(of(&["a", "b"], 10), (r#"["a","b"]"#.into(), 2));
        assert_eq!(of(&["a", "b", "c"], 10), (r#"["a","b"]"#.into(), 2));
        assert_eq!(of(&["a", "\u{1}"], 10), (r#"["a"]"#.into(), 1));
        assert_eq!(of(&["longer than that", "a"], 10), (r#"["longer than that"]"#.into(), 1));
    }
}
