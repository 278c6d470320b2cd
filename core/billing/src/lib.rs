//! What billing does with orders: [`Intake`] takes them, [`Processor`] records them, so that a bad one
//! harms no other ([`Isolation`]), [`Book`] reads them, [`Operations`] looks after the dead letters. Pure, over the ports.
#![warn(missing_docs)]

mod book;
mod intake;
mod isolation;
mod operations;
mod panics;
mod processor;

pub use book::Book;
pub use intake::Intake;
pub use isolation::Isolation;
pub use operations::Operations;
pub use processor::Processor;
