use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::{Mutex, PoisonError};

/// Below the range from which Linux takes the ports of outgoing connections, so that none of those is in the way.
const FIRST: u32 = 20_000;
const COUNT: u32 = 10_000;

/// The reservations of this process.
static TAKEN: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());

/// A TCP port of the loopback that nobody uses.
///
/// Test processes that run at the same time do not get the same one: each holds the UDP port of that number, which
/// no server of ours wants, until it ends.
pub fn free_port() -> u16 {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let start = std::process::id().wrapping_mul(61) % COUNT;
    for offset in 0..COUNT {
        let port = u16::try_from(FIRST + (start + offset) % COUNT).expect("the range is one of ports");
        let Ok(reservation) = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)) else { continue };
        // Any address: a unit may listen on all of them.
        if TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            taken.push(reservation);
            return port;
        }
    }
    panic!("no port from {FIRST} to {} is free", FIRST + COUNT - 1);
}
