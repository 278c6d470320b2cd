//! What billing does with orders: [`Intake`] takes them, [`Processor`] records them, [`Book`] reads them. Pure, over
//! the ports.
#![warn(missing_docs)]

mod book;
mod intake;
mod processor;

pub use book::Book;
pub use intake::Intake;
pub use processor::Processor;
