//! The gateway: the public API over the inventory and billing services and RabbitMQ.

mod catalog;
mod unit;

use std::process::ExitCode;

fn main() -> ExitCode {
    keeper_bootstrap::main::<unit::GatewayUnit>()
}
