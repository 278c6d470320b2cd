//! What goes over the wires: the JSON bodies of the API, the queue's message, what travels beside them, and the names
//! of the metrics; and how many calls share one trip over them. The domain knows nothing of it; every conversion is here,
//! and used by both ends.
#![warn(missing_docs)]

pub mod body;
pub mod coalesce;
pub mod context;
mod error;
pub mod message;
pub mod metrics;
mod movie;
mod order;

pub use error::{ErrorBody, ErrorCode};
pub use message::OrderMessage;
pub use movie::{MessageBody, MovieBody, MovieChangeFields, MovieFields};
pub use order::{AcceptedBody, OrderBody, OrderFields};
