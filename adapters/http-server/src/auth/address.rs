//! Where a request comes from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rocket::Request;

use crate::HttpSettings;

/// The header to which each proxy adds the address that it sees.
pub(crate) const FORWARDED: &str = "X-Forwarded-For";

/// The client's address, as far as it can be believed.
pub(crate) fn of_client(request: &Request<'_>) -> IpAddr {
    let peer = request.remote().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |remote| remote.ip());
    let proxies = request.rocket().state::<HttpSettings>().map_or(0, |settings| settings.trusted_proxies);
    seen(peer, request.headers().get(FORWARDED), proxies)
}

/// What the outermost of the trusted proxies saw. What is left of it in the header anybody may have written.
pub(crate) fn seen<'a>(peer: IpAddr, lines: impl Iterator<Item = &'a str>, proxies: usize) -> IpAddr {
    let lists: Vec<&str> = if proxies == 0 { Vec::new() } else { lines.collect() };
    let mut client = peer;
    // From the right: the last entry is what the nearest proxy saw.
    let entries = lists.iter().rev().flat_map(|list| list.rsplit(','));
    for entry in entries.take(proxies) {
        match parsed(entry.trim()) {
            Some(address) => client = address,
            // A proxy that is trusted does not write such a thing: there are fewer than was said.
            None => break,
        }
    }
    client.to_canonical()
}

fn parsed(entry: &str) -> Option<IpAddr> {
    let bare = entry.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// Whom a limit is for: an IPv4 address, or the network of an IPv6 one, of which a client has all addresses.
pub(super) fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_hops_are_believed_as_are_trusted_and_no_more() {
        let peer: IpAddr = "10.0.0.9".parse().unwrap();
        for (lists, proxies, client) in [
            (&["1.1.1.1"][..], 0, "10.0.0.9"),
            (&[], 1, "10.0.0.9"),
            (&["1.1.1.1"], 1, "1.1.1.1"),
            (&["9.9.9.9, 1.1.1.1"], 1, "1.1.1.1"),
            (&["9.9.9.9", "1.1.1.1"], 1, "1.1.1.1"),
            (&["9.9.9.9, 2.2.2.2,1.1.1.1"], 2, "2.2.2.2"),
            (&["9.9.9.9, 2.2.2.2", "1.1.1.1"], 2, "2.2.2.2"),
            (&["1.1.1.1"], 3, "1.1.1.1"),
            (&["1.1.1.1:4711"], 1, "1.1.1.1"),
            (&["[2001:db8::1]:4711"], 1, "2001:db8::1"),
            (&["nonsense"], 1, "10.0.0.9"),
            (&["8.8.8.8, unknown, 1.1.1.1"], 3, "1.1.1.1"),
            (&["", ",,"], 2, "10.0.0.9"),
            (&["::ffff:1.1.1.1"], 1, "1.1.1.1"),
        ] {
            assert_eq!(seen(peer, lists.iter().copied(), proxies).to_string(), client, "{lists:?} {proxies}");
        }
    }

    #[test]
    fn a_client_is_one_address_or_one_network() {
        for (address, network_of) in [
            ("1.2.3.4", "1.2.3.4"),
            ("::ffff:1.2.3.4", "1.2.3.4"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ] {
            assert_eq!(network(address.parse().unwrap()), network_of);
        }
    }
}
