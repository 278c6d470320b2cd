//! The front: listens, bounds connections, heads, bodies and requests in time, number and size, and hands whole requests
//! to Rocket. Rocket 0.5 has neither time-outs nor limits for connections.

mod accept_encoding;
mod answer;
mod body;
mod compression;
mod connection;
mod connections;
mod dispatch;
mod head;
mod in_flight;
mod late_body;
mod limits;
mod listener;
mod method;
mod metrics;
mod place;
mod refusal;
mod serve;
mod service;
mod socket;

pub(crate) use body::MAX_BODY_BYTES;
pub(crate) use late_body::LateBody;
pub use limits::{HttpSettings, ManagementSettings};
pub use metrics::FrontMetrics;
pub(crate) use place::keep_until_sent;
pub use serve::{ServeError, serve};
