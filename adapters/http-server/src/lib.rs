//! The HTTP side of every unit: routes over the driving ports, one shape of error, the documentation pages, and the
//! management port with health and metrics.
#![warn(missing_docs)]

mod access_log;
pub mod auth;
mod body;
pub mod browser;
mod call;
mod catchers;
mod coding;
mod conditions;
pub mod docs;
mod error;
mod form_method;
mod front;
mod http_metrics;
mod intake_metrics;
pub mod management;
mod media;
mod movies;
mod movies_by_id;
mod operations;
mod orders;
mod page;
mod params;
mod prefix;
mod problem;
mod query;
mod readiness;
mod reply;
mod request_context;
mod request_id;
mod server;
pub mod site;
mod traces;
mod waiters;
mod weights;
mod whole_bodies;

pub use docs::Document;
pub use error::ApiError;
pub use front::{FrontMetrics, HttpSettings, ManagementSettings, ServeError, serve};
pub use http_metrics::HttpMetrics;
pub use intake_metrics::IntakeMetrics;
pub use movies::stage as movies;
pub use movies_by_id::stage as movies_by_id;
pub use operations::stage as operations;
pub use orders::{book_stage as order_book, intake_stage as order_intake};
pub use readiness::{Dependencies, Readiness, WatchedDependency};
pub use server::{api, farewell};
