//! Who may make a call. Only the units that are reached from outside ask; inventory and billing do not.

mod control;
mod denied;
mod guard;
mod presented;

pub use control::{AccessControl, stage};
pub(crate) use guard::{
    Access, AddMovie, ChangeMovie, DeleteAllMovies, DeleteMovie, ListMovies, ListOrders, PlaceOrder,
    ReadMovie, ReadOrder,
};
