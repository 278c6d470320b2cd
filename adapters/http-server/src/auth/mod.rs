//! Who may make a call. Only the units that are reached from outside ask; inventory and billing do not.

pub(crate) mod address;
mod control;
mod denied;
mod guard;
mod limit;
mod metrics;
mod presented;
mod visit;

pub use control::{AccessControl, stage};
pub(crate) use guard::{
    Access, AddMovie, ChangeMovie, DeleteAllMovies, DeleteMovie, DiscardDeadLetter, ListDeadLetters,
    ListMovies, ListOrders, PlaceOrder, ReadDeadLetter, ReadMovie, ReadOrder, ReplayDeadLetter,
    ReplayDeadLetters,
};
pub use metrics::AccessMetrics;
pub(crate) use presented::API_KEY;
