//! The billing service: records orders from RabbitMQ in PostgreSQL, and reads them.

mod unit;

use std::process::ExitCode;

fn main() -> ExitCode {
    keeper_bootstrap::main::<unit::BillingUnit>()
}
