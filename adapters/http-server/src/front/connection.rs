use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Phase {
    /// The first byte of a request.
    Idle,
    /// The rest of a head.
    Head,
    /// The rest of a body.
    Body,
    /// The answer of a handler.
    Handling,
    /// The client, to take its answer.
    Sending,
}

impl Phase {
    fn of(number: u8) -> Self {
        [Self::Idle, Self::Head, Self::Body, Self::Handling, Self::Sending][usize::from(number.min(4))]
    }
}

/// How a connection is told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Ending {
    /// Not yet.
    None,
    /// With the answer that it is about to give.
    AfterAnswer,
    /// Now.
    Now,
}

/// What the front knows of a connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) client: SocketAddr,
    /// Moments are milliseconds after this one.
    zero: Instant,
    phase: AtomicU8,
    since: AtomicU64,
    ending: AtomicU8,
    ends: Notify,
}

impl Connection {
    pub(super) fn new(client: SocketAddr, zero: Instant) -> Self {
        let connection = Self {
            client,
            zero,
            phase: AtomicU8::new(0),
            since: AtomicU64::new(0),
            ending: AtomicU8::new(0),
            ends: Notify::new(),
        };
        connection.progress();
        connection
    }

    pub(super) fn phase(&self) -> Phase {
        Phase::of(self.phase.load(Ordering::Acquire))
    }

    /// Begins a phase.
    pub(super) fn enter(&self, phase: Phase) {
        self.progress();
        self.phase.store(phase as u8, Ordering::Release);
    }

    /// The phase's time begins anew.
    pub(super) fn progress(&self) {
        let now = u64::try_from(self.zero.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.since.store(now, Ordering::Release);
    }

    /// When the phase began, in milliseconds.
    pub(super) fn since(&self) -> u64 {
        self.since.load(Ordering::Acquire)
    }

    /// How long the phase has lasted.
    pub(super) fn age(&self) -> Duration {
        self.zero.elapsed().saturating_sub(Duration::from_millis(self.since()))
    }

    pub(super) fn end(&self, ending: Ending) {
        self.ending.fetch_max(ending as u8, Ordering::AcqRel);
        self.ends.notify_one();
    }

    pub(super) fn ending(&self) -> Ending {
        match self.ending.load(Ordering::Acquire) {
            0 => Ending::None,
            1 => Ending::AfterAnswer,
            _ => Ending::Now,
        }
    }

    /// Waits until the connection is told to end.
    pub(super) async fn told_to_end(&self) {
        self.ends.notified().await;
    }
}
