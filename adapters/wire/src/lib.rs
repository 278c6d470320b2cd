//! What several adapters share. First of all what goes over the wires: the JSON bodies of the API, the queue's message, and
//! what travels beside them; the domain knows nothing of it, every conversion is here, and used by both ends. Then how
//! many calls share one trip ([`coalesce`]), the instruments' names ([`metrics`]), and what is wrong with a setting ([`settings`]).
#![warn(missing_docs)]

pub mod body;
pub mod coalesce;
pub mod context;
mod error;
pub mod message;
pub mod metrics;
mod movie;
mod order;
pub mod settings;

pub use error::{ErrorBody, ErrorCode};
pub use message::OrderMessage;
pub use movie::{MessageBody, MovieBody, MovieChangeFields, MovieFields};
pub use order::{AcceptedBody, OrderBody, OrderFields};
