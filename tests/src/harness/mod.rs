//! Servers and units for tests: real ones, on loopback, on free ports, with all their files in a temporary folder.
//!
//! Nothing outlives the test process, however it ends: see [`Process`].

mod collector;
mod directory;
mod http;
mod issuer;
mod janitor;
mod nginx;
mod oidc;
mod pgbouncer;
mod ports;
mod postgres;
mod process;
mod rabbitmq;
mod secrets;
mod small_disk;
mod stack;
mod system;
mod tls;
mod unit;
mod wait;

pub use collector::{Collecting, Collector, SeenSpan};
pub use directory::Directory;
pub use http::{Answer, Api};
pub use issuer::TokenIssuer;
pub use nginx::Nginx;
pub use oidc::OidcIssuer;
pub use pgbouncer::{PgBouncer, PoolMode};
pub use ports::free_port;
pub use postgres::{Database, Postgres, PostgresOptions};
pub use process::{Launch, Process, machine_processor_time};
pub use rabbitmq::{RabbitMq, Vhost};
pub use secrets::{assert_no_secret_in, keep_secret};
pub use small_disk::SmallDisk;
pub use stack::{Backing, Kind, Stack};
pub use system::{faketime, random_text, run};
pub use tls::Certificates;
pub use unit::{Unit, Version, binary};
pub use wait::{eventually, until};
