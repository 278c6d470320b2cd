//! The driving ports spoken over HTTP: what the gateway has in place of the use cases.
#![warn(missing_docs)]

mod billing;
mod body;
mod call_span;
mod dead_letters;
mod inventory;
mod probe;
mod service;

pub use billing::BillingClient;
pub use dead_letters::DeadLetterClient;
pub use inventory::InventoryClient;
pub use probe::HttpProbe;
pub use service::{ClientSettings, Service, ServiceError};
