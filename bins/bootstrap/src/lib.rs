//! The part of main that is the same for every unit: the command line, settings, logging, health, signals and
//! supervision. A unit says what it is made of ([`Unit`]); everything else happens here.

mod audit;
mod backup;
mod cli;
mod clock;
mod config;
mod dead_letters;
mod doctor;
mod health;
mod journal;
mod json_lines;
mod log_writer;
mod logging;
mod output;
mod pool;
mod schema;
mod secrets;
mod settings;
mod start_error;
mod stop;
mod supervisor;
mod traces;
mod unit;
mod watch;

pub use audit::{BY_COMMAND, operator};
pub use cli::main;
pub use clock::{SystemClock, UuidOrderIds};
pub use journal::JournalFile;
pub use keeper_settings::WrongSetting;
pub use output::{nobody_sees, say};
pub use pool::register_pool;
pub use schema::migrate_when_there;
pub use settings::{SettingsError, UnitSettings};
pub use start_error::StartError;
pub use stop::Stop;
pub use unit::{Context, Dependency, OpenDeadLetters, Parts, Task, Unit};

/// The allocator of every unit: a request makes some hundred small allocations, on whichever thread is free.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
