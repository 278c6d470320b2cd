use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// How long a client may take nothing of an answer.
pub(super) const LONGEST_STALL: Duration = Duration::from_secs(8);

/// The least rate at which a client takes an answer as a whole, in bytes a second.
const SLOWEST_RATE: usize = 64 * 1024;

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
    /// When the answer that is being sent must be written, in milliseconds.
    sent_by: AtomicU64,
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
            sent_by: AtomicU64::new(0),
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

    /// Begins to send an answer whose body has so many bytes.
    pub(super) fn send(&self, bytes: usize) {
        let time = LONGEST_STALL + Duration::from_secs(u64::try_from(bytes / SLOWEST_RATE).unwrap_or(0));
        self.sent_by.store(millis(self.zero.elapsed() + time), Ordering::Release);
        self.enter(Phase::Sending);
    }

    /// The answer ought to be written at this moment, however slowly the client reads.
    pub(super) fn sends_too_long(&self, now: Duration) -> bool {
        self.phase() == Phase::Sending && millis(now) > self.sent_by.load(Ordering::Acquire)
    }

    /// The phase's time begins anew.
    pub(super) fn progress(&self) {
        self.since.store(millis(self.zero.elapsed()), Ordering::Release);
    }

    /// As if the client had just taken a piece, whenever it is looked at.
    #[cfg(test)]
    pub(super) fn take_pieces_for_ever(&self) {
        self.since.store(u64::MAX, Ordering::Release);
    }

    /// When the phase began, in milliseconds.
    pub(super) fn since(&self) -> u64 {
        self.since.load(Ordering::Acquire)
    }

    /// How long the phase has lasted at this moment.
    pub(super) fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(Duration::from_millis(self.since()))
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

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
