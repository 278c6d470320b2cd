//! What the handlers' types do not say: query keys, response headers and errors, per operation.

use keeper_domain::{PageLimit, Title, UserId};
use keeper_ports::inventory::MAX_IDS;
use keeper_wire::ErrorCode;
use rocket_okapi::okapi::openapi3::{OpenApi, Operation, Parameter, RefOr, Response};

use super::parameters::{header, query, request_id};
use super::{Document, errors, schema, security};
use crate::query::{MAX_DEAD_LETTERS, MAX_REASON_CHARS, MAX_WAIT_S};

/// What is said of an operation.
struct Description {
    operation: &'static str,
    status: &'static str,
    success: &'static str,
    /// The keys of its query.
    query: fn() -> Vec<Parameter>,
    /// The headers of its answer, with what they say.
    headers: &'static [(&'static str, &'static str)],
    /// What it is asked for may not be there.
    may_miss: bool,
    /// It may be meant for certain versions only.
    conditional: bool,
}

const fn described(operation: &'static str, success: &'static str) -> Description {
    Description {
        operation,
        status: "200",
        success,
        query: Vec::new,
        headers: &[],
        may_miss: false,
        conditional: false,
    }
}

/// What a client that follows a list must know of writers beside each other.
const LATE: &str = "Those that are added while the list is read may come to stand before it: whoever must see all of them \
    begins again from an earlier one a while later.";

const NEXT_PAGE: &[(&str, &str)] =
    &[("Link", "The address of the next page (rel=\"next\"), if there is one.")];

const VERSION: (&str, &str) = ("ETag", "The movie's version.");

const DESCRIPTIONS: [Description; 15] = [
    Description {
        status: "201",
        headers: &[("Location", "The address of the movie."), VERSION],
        ..described("addMovie", "The movie as it was added.")
    },
    Description { query: movies_query, headers: NEXT_PAGE, ..described("listMovies", "A page of movies.") },
    Description { headers: &[VERSION], may_miss: true, ..described("readMovie", "The movie.") },
    Description { query: movie_ids_query, ..described("readMovies", "The movies that are there.") },
    Description {
        headers: &[VERSION],
        may_miss: true,
        conditional: true,
        ..described("changeMovie", "The movie as it is now.")
    },
    Description { may_miss: true, conditional: true, ..described("deleteMovie", "The movie was deleted.") },
    Description { conditional: true, ..described("deleteAllMovies", "All movies were deleted.") },
    Description {
        headers: &[("Location", "The address under which the order is found once it is recorded.")],
        ..described("placeOrder", "The queue has taken responsibility for the order.")
    },
    Description {
        query: order_query,
        may_miss: true,
        ..described("readOrder", "The order as it was recorded.")
    },
    Description {
        query: orders_query,
        headers: NEXT_PAGE,
        ..described("listOrders", "A page of the user's orders.")
    },
    Description { query: dead_letters_query, ..described("listDeadLetters", "The oldest dead letters.") },
    Description { may_miss: true, ..described("readDeadLetter", "The dead letter.") },
    described("replayDeadLetters", "They are in the order queue again."),
    Description { may_miss: true, ..described("replayDeadLetter", "It is in the order queue again.") },
    Description {
        query: discard_query,
        may_miss: true,
        ..described("discardDeadLetter", "It is kept in the journal, and gone.")
    },
];

/// Adds to every operation what its handler's types do not say.
pub(super) fn complete(document: &mut OpenApi, which: Document) {
    errors::schemas(document);
    formats(document);
    if which == Document::Gateway {
        security::schemes(document);
    }
    for item in document.paths.values_mut() {
        let methods = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete];
        for operation in methods.into_iter().flatten() {
            describe(operation, which);
        }
    }
}

fn describe(operation: &mut Operation, which: Document) {
    // Only the public API is asked by somebody unknown.
    let denials = if which == Document::Gateway { security::need(operation) } else { Vec::new() };
    let id = operation.operation_id.as_deref().unwrap_or_default();
    // A test finds an operation that has no description.
    let Some(description) = DESCRIPTIONS.iter().find(|description| description.operation == id) else {
        return;
    };
    for parameter in (description.query)().into_iter().chain([request_id()]) {
        operation.parameters.push(RefOr::Object(parameter));
    }
    if let Some(RefOr::Object(response)) = operation.responses.responses.get_mut(description.status) {
        response.description = description.success.into();
        let request_id = ("X-Request-Id", "The id under which the request is found in the logs.");
        for (name, says) in description.headers.iter().copied().chain([request_id]) {
            response.headers.insert(name.into(), RefOr::Object(header(says)));
        }
    }
    let mut codes: Vec<_> = errors::ALWAYS.into();
    codes.extend(denials);
    if operation.request_body.is_some() {
        codes.extend(errors::BODY);
    }
    if description.may_miss {
        codes.push(ErrorCode::NotFound);
    }
    if description.conditional {
        codes.push(ErrorCode::PreconditionFailed);
    }
    if id_is(operation, "readMovie") {
        operation.responses.responses.insert("304".into(), RefOr::Object(not_modified()));
    }
    if id_is(operation, "placeOrder") {
        codes.push(ErrorCode::KeyReused);
    }
    for (status, response) in errors::responses(&codes) {
        operation.responses.responses.insert(status, RefOr::Object(response));
    }
}

fn not_modified() -> Response {
    let mut response = Response { description: "You have the movie as it is.".into(), ..Response::default() };
    let (name, says) = VERSION;
    response.headers.insert(name.into(), RefOr::Object(header(says)));
    response
}

fn id_is(operation: &Operation, id: &str) -> bool {
    operation.operation_id.as_deref() == Some(id)
}

fn movies_query() -> Vec<Parameter> {
    let title =
        "Only movies whose title contains this text, whatever the case; every character is taken literally.";
    let length = u32::try_from(Title::MAX_CHARS).ok();
    vec![
        query("title", title, false, schema::text(None, length, Some("^[^\\u0000]*$"))),
        limit(),
        query("after", &format!("The last id of the page before. {LATE}"), false, schema::movie_id()),
    ]
}

fn movie_ids_query() -> Vec<Parameter> {
    let says = format!("Their ids, at most {MAX_IDS}, separated by commas.");
    vec![query("ids", &says, true, schema::text(None, None, Some("^[1-9][0-9]{0,18}(,[1-9][0-9]{0,18})*$")))]
}

fn orders_query() -> Vec<Parameter> {
    let length = u32::try_from(UserId::MAX_CHARS).ok();
    vec![
        query("user_id", "Whose orders.", true, schema::text(Some(1), length, Some("^[!-~]+$"))),
        limit(),
        query("after", &format!("The last order id of the page before. {LATE}"), false, schema::order_id()),
    ]
}

fn order_query() -> Vec<Parameter> {
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let longest = MAX_WAIT_S as f64;
    let says = "Seconds to wait for the order to be recorded; 0 unless told.";
    vec![query("wait", says, false, schema::integer(0.0, Some(longest)))]
}

fn dead_letters_query() -> Vec<Parameter> {
    let says = "The most of them; 100 unless told.";
    vec![query("limit", says, false, schema::integer(1.0, Some(f64::from(MAX_DEAD_LETTERS))))]
}

fn discard_query() -> Vec<Parameter> {
    let length = u32::try_from(MAX_REASON_CHARS).ok();
    let reason = schema::text(Some(1), length, Some("^[!-~]+( [!-~]+)*$"));
    vec![query("reason", "Why it is thrown away.", true, reason)]
}

fn limit() -> Parameter {
    let says = "The most entries of the page; 100 unless told.";
    query("limit", says, false, schema::integer(1.0, Some(f64::from(PageLimit::MAX))))
}

/// Says what kind of text a field is, which Rust's `String` does not.
fn formats(document: &mut OpenApi) {
    let schemas = document.components.iter_mut().flat_map(|components| components.schemas.values_mut());
    for (name, field) in schemas.flat_map(|schema| schema.object().properties.iter_mut()) {
        let format = match name.as_str() {
            "createdAt" | "updatedAt" | "recordedAt" => "date-time",
            "order_id" => "uuid",
            _ => continue,
        };
        if let schemars::schema::Schema::Object(field) = field {
            field.format = Some(format.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::docs::{Document, document};

    #[test]
    fn every_operation_is_described() {
        for which in [Document::Gateway, Document::Inventory, Document::Billing] {
            let document: serde_json::Value = serde_json::from_str(&document(which).unwrap()).unwrap();
            for (path, item) in document["paths"].as_object().unwrap() {
                for (method, operation) in item.as_object().unwrap() {
                    let errors = &operation["responses"]["500"];
                    assert!(errors.is_object(), "{method} {path} has no line in DESCRIPTIONS");
                }
            }
        }
    }
}
