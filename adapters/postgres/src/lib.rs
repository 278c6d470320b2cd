//! The driven ports on PostgreSQL 15 and later: movies, orders, and whether the database answers.
#![warn(missing_docs)]

mod access;
mod connector;
mod database;
mod error;
mod folding;
mod migrate;
mod moment;
mod movie_edits;
mod movie_inserts;
mod movie_row;
mod movie_updates;
mod movies;
mod order_listener;
mod orders;
mod pool;
mod probe;
mod remedy;
mod rights;
mod schema;
mod server;
mod session;
mod settings;
mod shape;
mod statement;

pub use database::PgDatabase;
pub use folding::Folded;
pub use movies::PgMovies;
pub use orders::PgOrders;
pub use probe::DatabaseProbe;
pub use schema::Schema;
pub use settings::{PgSettings, Pooler, Tls};
