//! The inventory service: the movie catalogue over PostgreSQL.

mod unit;

use std::process::ExitCode;

fn main() -> ExitCode {
    keeper_bootstrap::main::<unit::InventoryUnit>()
}
