//! The routes over mocks of their ports: what is answered to whom, and what reaches the port.

#![allow(clippy::unwrap_used, reason = "tests")]

mod access;
mod audit;
mod browser;
mod client;
mod errors;
mod management;
mod movies;
mod orders;
