//! Customers of a shop: they browse, search, add movies, order, and read their orders back, at a rate and a mix of one's choice.
//!
//! It is a client as any other, over the public API, and shares no code with the services. At the end it accounts for all
//! orders: each that was accepted must have been recorded, or lie among the dead letters.

mod account;
mod answer;
mod call;
mod follower;
mod mix;
mod options;
mod output;
mod report;
mod shop;
mod traffic;
mod visit;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;

use crate::options::Options;
use crate::output::{NotPrinted, say, tell};
use crate::report::Report;
use crate::shop::Shop;

/// It ran, and all accepted orders were found.
const FINE: u8 = 0;
/// It ran, and orders are missing, or nobody knows of them; or what it had to say could not be printed.
const MISSING: u8 = 1;
/// It could not begin.
const NOT_BEGUN: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(message) => return answered(&message),
    };
    let report = Arc::new(Report::new());
    let shop = match Shop::open(&options, Arc::clone(&report)).await {
        Ok(shop) => Arc::new(shop),
        Err(error) => {
            tell(format_args!("error: {error}"));
            return ExitCode::from(NOT_BEGUN);
        }
    };
    let printed = traffic::run(&options, &shop).await;
    let orders = shop.orders.balance();
    let account = format!("\n{report}\n{orders}");
    match printed.and_then(|()| say(&account)) {
        Ok(()) => ExitCode::from(if orders.is_even() { FINE } else { MISSING }),
        Err(error) => {
            // Nobody orders for nothing: somebody may read it here.
            tell(format_args!("{account}\n{error}"));
            ExitCode::from(MISSING)
        }
    }
}

/// Prints help, the version, or what is wrong with the command line.
fn answered(message: &clap::Error) -> ExitCode {
    match message.print() {
        Err(error) if message.exit_code() == 0 => {
            tell(NotPrinted::from(error));
            ExitCode::from(MISSING)
        }
        _ => u8::try_from(message.exit_code()).map_or(ExitCode::from(NOT_BEGUN), ExitCode::from),
    }
}
