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
mod kept;
mod lanes;
mod late_body;
mod limits;
mod listener;
mod long_answers;
mod method;
mod metrics;
mod refusal;
mod serve;
mod service;
mod shared_file;
mod socket;

pub(crate) use body::MAX_BODY_BYTES;
pub(crate) use kept::file as keep_file;
pub(crate) use late_body::LateBody;
pub use limits::{HttpSettings, ManagementSettings};
pub(crate) use long_answers::{LONGEST_PAGE, LongAnswers};
pub use metrics::FrontMetrics;
pub use serve::{ServeError, serve};
pub(crate) use shared_file::SharedFile;
