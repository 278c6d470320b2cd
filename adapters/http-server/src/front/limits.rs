use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use serde::Deserialize;

/// Descriptors that are left for everything but the API's connections: the management port's, the databases', the
/// upstreams', the files.
const RESERVED_DESCRIPTORS: u64 = 160;

/// Connections of the management port: a platform's probes and scrapers, and a person or two.
const MANAGEMENT_CONNECTIONS: usize = 64;

/// Where the API listens, and what it bounds. The section has more keys where the API is reached from outside.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct HttpSettings {
    /// The address to listen on: loopback for this machine only, `0.0.0.0` for all networks.
    pub address: IpAddr,
    /// The TCP port.
    pub port: u16,
    /// Connections at the same time. For one more, the one that has been idle for longest is closed.
    pub max_connections: usize,
    /// Requests at the same time, from their last byte to the last byte of their answer. One more is answered 503.
    pub max_in_flight: usize,
    /// MiB of long answers that may be made or sent at the same time.
    pub long_answers_mib: u32,
    /// Milliseconds in which a head must be complete after its first byte.
    pub header_timeout_ms: u64,
    /// Milliseconds in which a body must be complete after its head.
    pub body_timeout_ms: u64,
    /// Milliseconds in which a request must be answered after its body.
    pub request_timeout_ms: u64,
    /// Proxies in front of the unit, counted from it, whose word for the client's address and scheme is believed.
    pub trusted_proxies: usize,
    /// They are believed, too, in the path under which they serve the unit (`X-Forwarded-Prefix`).
    pub trusted_prefix: bool,
}

impl HttpSettings {
    /// The usual limits, at this address.
    pub const fn at(address: IpAddr, port: u16) -> Self {
        Self {
            address,
            port,
            max_connections: 768,
            max_in_flight: 512,
            long_answers_mib: 128,
            header_timeout_ms: 10_000,
            body_timeout_ms: 10_000,
            request_timeout_ms: 60_000,
            trusted_proxies: 0,
            trusted_prefix: true,
        }
    }

    /// How many proxies are believed in the path under which they serve the unit.
    pub(crate) fn prefix_proxies(&self) -> usize {
        if self.trusted_prefix { self.trusted_proxies } else { 0 }
    }

    /// The address and the port.
    pub fn socket(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }

    /// As many connections as the settings and the process's limit of descriptors allow.
    pub(super) fn connections(&self) -> usize {
        let Some(descriptors) = getrlimit(Resource::Nofile).current else { return self.max_connections };
        let room = usize::try_from(descriptors.saturating_sub(RESERVED_DESCRIPTORS)).unwrap_or(usize::MAX);
        self.max_connections.min(room.max(1))
    }

    pub(super) fn header_timeout(&self) -> Duration {
        Duration::from_millis(self.header_timeout_ms)
    }

    pub(super) fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }

    pub(super) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }
}

/// Where the management port listens. Its bounds are fixed, and no load of the API counts towards them.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManagementSettings {
    /// The address to listen on.
    pub address: IpAddr,
    /// The TCP port.
    pub port: u16,
}

impl ManagementSettings {
    /// The address and port to listen on.
    pub fn socket(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }

    pub(crate) fn server(self) -> HttpSettings {
        HttpSettings {
            max_connections: MANAGEMENT_CONNECTIONS,
            max_in_flight: MANAGEMENT_CONNECTIONS,
            ..HttpSettings::at(self.address, self.port)
        }
    }
}
