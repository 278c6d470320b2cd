//! What goes over the wires: the JSON bodies of the API, the queue's message, and the codes of errors. The domain knows
//! nothing of it; every conversion is here, and used by both ends. With the feature `schema`, the bodies describe
//! themselves for OpenAPI documents.
#![warn(missing_docs)]

pub mod body;
mod dead_letter;
mod error;
pub mod message;
mod movie;
mod number;
mod order;
mod problem;
#[cfg(feature = "schema")]
mod schema;

pub use dead_letter::{DeadLetterBody, DeadLetterListBody, DeadLettersTakenBody, ReplayFields};
pub use error::{ErrorBody, ErrorCode};
pub use message::OrderMessage;
pub use movie::{DELETED_COUNT, MessageBody, MovieBody, MovieChangeFields, MovieFields};
pub use order::{AcceptedBody, OrderBody, OrderFields};
pub use problem::ProblemBody;
