//! The OpenAPI documents and the pages that show them.

mod describe;
mod errors;
mod pages;
pub(crate) mod parameters;
pub(crate) mod schema;
mod security;

pub use pages::stage;

use rocket_okapi::okapi::merge::merge_specs;
use rocket_okapi::okapi::openapi3::{Contact, Info, License, OpenApi, Server, Tag};

use crate::{movies, movies_by_id, operations, orders};

/// Which unit's API a document describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// The public API, of the gateway and of standalone.
    Gateway,
    /// The catalogue only.
    Inventory,
    /// The reading of orders only.
    Billing,
}

/// The OpenAPI document of a unit's API, as JSON with indentation and a last newline.
///
/// # Errors
/// The document cannot be written, which is a fault of this crate.
pub fn document(which: Document) -> Result<String, serde_json::Error> {
    let specs = match which {
        Document::Gateway => vec![
            movies::routes_and_docs().1,
            orders::intake_routes_and_docs().1,
            orders::book_routes_and_docs().1,
            operations::routes_and_docs().1,
        ],
        Document::Inventory => vec![movies::routes_and_docs().1, movies_by_id::routes_and_docs().1],
        Document::Billing => vec![orders::book_routes_and_docs().1, operations::routes_and_docs().1],
    };
    let mut document = OpenApi::new();
    for spec in &specs {
        // The only error is a path that is there twice with different content, which the tests would show.
        let _ = merge_specs(&mut document, &String::new(), spec);
    }
    document.info = info(which);
    document.tags = tags(which);
    // Where the document is served, this is the API's root, behind whatever path.
    document.servers = vec![Server { url: "..".into(), ..Server::default() }];
    describe::complete(&mut document, which);
    serde_json::to_string_pretty(&document).map(|text| text + "\n")
}

fn info(which: Document) -> Info {
    let title = match which {
        Document::Gateway => "Code Keeper",
        Document::Inventory => "Code Keeper: inventory",
        Document::Billing => "Code Keeper: billing",
    };
    let description = "A movie catalogue with an order pipeline. An order that was accepted is never lost and never \
        billed twice.\n\nBodies are JSON in UTF-8 (`Content-Type: application/json`), not compressed, at most 64 KiB. Every error has the same \
        shape, with a `code` for programs. Every answer carries `X-Request-Id`, under which the request is found in the \
        logs; a sane one that you send is kept.";
    Info {
        title: title.into(),
        description: Some(description.into()),
        version: env!("CARGO_PKG_VERSION").into(),
        license: Some(License { name: "MIT".into(), url: None, ..License::default() }),
        contact: None::<Contact>,
        ..Info::default()
    }
}

fn tags(which: Document) -> Vec<Tag> {
    let tag =
        |name: &str, says: &str| Tag { name: name.into(), description: Some(says.into()), ..Tag::default() };
    let movies = || tag("Movies", "The catalogue.");
    let internal = || tag("Internal", "Between our own units; never reached from outside.");
    let orders = || tag("Orders", "Placing orders and reading what became of them.");
    let operations = || tag("Operations", "For operators: the messages that could not be processed.");
    match which {
        Document::Gateway => vec![movies(), orders(), operations()],
        Document::Inventory => vec![movies(), internal()],
        Document::Billing => vec![orders(), operations()],
    }
}
