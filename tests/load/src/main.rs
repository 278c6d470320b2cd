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
mod report;
mod shop;
mod traffic;
mod visit;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;

use crate::options::Options;
use crate::report::Report;
use crate::shop::Shop;

/// It ran, and all accepted orders were found.
const FINE: u8 = 0;
/// It ran, and orders are missing, or nobody knows of them.
const MISSING: u8 = 1;
/// It could not begin.
const NOT_BEGUN: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let report = Arc::new(Report::new());
    let shop = match Shop::open(&options, Arc::clone(&report)).await {
        Ok(shop) => Arc::new(shop),
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(NOT_BEGUN);
        }
    };
    traffic::run(&options, &shop).await;
    println!("\n{report}");
    let orders = shop.orders.balance();
    println!("{orders}");
    ExitCode::from(if orders.is_even() { FINE } else { MISSING })
}
