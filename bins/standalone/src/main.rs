//! Everything in one process, with nothing to install: the public API over SQLite files.

mod greeting;
mod storage_settings;
mod unit;

use std::process::ExitCode;

fn main() -> ExitCode {
    keeper_bootstrap::main::<unit::StandaloneUnit>()
}
