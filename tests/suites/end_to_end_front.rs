//! What a server does with clients that are slow, silent, wrong or too many: tried on standalone over plain sockets.

#![allow(clippy::expect_used, reason = "tests")]

#[path = "end_to_end_front/addresses.rs"]
mod addresses;
#[path = "end_to_end_front/bounds.rs"]
mod bounds;
#[path = "end_to_end_front/client.rs"]
mod client;
#[path = "end_to_end_front/clock.rs"]
mod clock;
#[path = "end_to_end_front/expect.rs"]
mod expect;
#[path = "end_to_end_front/heads.rs"]
mod heads;
#[path = "end_to_end_front/log.rs"]
mod log;
#[path = "end_to_end_front/long_answers.rs"]
mod long_answers;
#[path = "end_to_end_front/prefix.rs"]
mod prefix;
#[path = "end_to_end_front/stop.rs"]
mod stop;
