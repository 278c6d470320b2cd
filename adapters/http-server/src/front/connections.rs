use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus::IntGauge;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::connection::{Connection, Ending, LONGEST_STALL, Phase};

/// Longer than a load balancer keeps its connections (60 s on AWS), so that it never uses one that just went.
const LONGEST_IDLE: Duration = Duration::from_secs(75);

/// How long a head that has begun may take at a stop.
const LAST_HEAD: Duration = Duration::from_secs(1);

/// How often it is looked whether a connection is overdue: the precision of its time-outs.
const LOOK: Duration = Duration::from_millis(200);

/// The connections that are open, at most so many.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    header_timeout: Duration,
    body_timeout: Duration,
    zero: Instant,
    next: AtomicU64,
    stopping: AtomicBool,
    open: Mutex<BTreeMap<u64, Arc<Connection>>>,
    closed: Notify,
    gauge: IntGauge,
}

/// A connection's entry, removed when it is dropped.
#[derive(Debug)]
pub(super) struct Entry {
    id: u64,
    pub(super) connection: Arc<Connection>,
    connections: Arc<Connections>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.connections.open().remove(&self.id);
        self.connections.gauge.dec();
        self.connections.closed.notify_one();
    }
}

impl Connections {
    pub(super) fn new(
        most: usize,
        header_timeout: Duration,
        body_timeout: Duration,
        gauge: IntGauge,
    ) -> Self {
        Self {
            most,
            header_timeout,
            body_timeout,
            zero: Instant::now(),
            next: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            open: Mutex::default(),
            closed: Notify::new(),
            gauge,
        }
    }

    /// Enters a connection. Where there are too many, the one that has kept the server waiting for longest is closed; while
    /// all are at work, this waits.
    pub(super) async fn enter(self: &Arc<Self>, client: SocketAddr) -> Entry {
        while self.open().len() >= self.most {
            self.close_oldest();
            // A connection at work may have become idle meanwhile, which nothing tells.
            let _ = timeout(LOOK, self.closed.notified()).await;
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let connection = Arc::new(Connection::new(client, self.zero));
        self.open().insert(id, Arc::clone(&connection));
        self.gauge.inc();
        Entry { id, connection, connections: Arc::clone(self) }
    }

    /// Closes the connection that has been idle for longest; if none is, the one whose request has been coming for longest.
    pub(super) fn close_oldest(&self) {
        let open = self.open();
        let waiting = open
            .values()
            .filter(|connection| connection.phase() <= Phase::Body && connection.ending() != Ending::Now);
        if let Some(oldest) = waiting.min_by_key(|connection| (connection.phase(), connection.since())) {
            oldest.end(Ending::Now);
        }
    }

    /// Closes what is overdue, again and again.
    pub(super) async fn watch(&self) {
        let mut look = tokio::time::interval(LOOK);
        loop {
            look.tick().await;
            let now = self.zero.elapsed();
            for connection in self.open().values().filter(|connection| self.is_overdue(connection, now)) {
                connection.end(Ending::Now);
            }
        }
    }

    fn is_overdue(&self, connection: &Connection, now: Duration) -> bool {
        connection.age(now) > self.patience(connection.phase()) || connection.sends_too_long(now)
    }

    fn patience(&self, phase: Phase) -> Duration {
        match phase {
            Phase::Idle => LONGEST_IDLE,
            Phase::Head if self.stopping.load(Ordering::Acquire) => LAST_HEAD,
            Phase::Head => self.header_timeout,
            // The service answers it; this is for a client that does not even take that.
            Phase::Body => self.body_timeout + LONGEST_STALL,
            Phase::Handling => Duration::MAX,
            Phase::Sending => LONGEST_STALL,
        }
    }

    /// Idle connections end now, the others with their answer.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        for connection in self.open().values() {
            let idle = connection.phase() == Phase::Idle;
            connection.end(if idle { Ending::Now } else { Ending::AfterAnswer });
        }
    }

    /// All end now.
    pub(super) fn abort(&self) -> usize {
        let open = self.open();
        open.values().for_each(|connection| connection.end(Ending::Now));
        open.len()
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Connection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_an_answer_piece_by_piece_has_time_by_its_length() {
        let seconds = Duration::from_secs;
        let gauge = IntGauge::new("open", "open").unwrap();
        let connections = Connections::new(1, seconds(10), seconds(10), gauge);
        let connection = Connection::new("127.0.0.1:1".parse().unwrap(), connections.zero);
        let overdue =
            |after| connections.is_overdue(&connection, connections.zero.elapsed() + seconds(after));
        // 8 s, and 16 of 64 KiB each.
        connection.send(1024 * 1024);
        assert!(!overdue(7) && overdue(9), "it takes nothing");
        connection.take_pieces_for_ever();
        assert!(!overdue(23) && overdue(25), "it takes too little");
        connection.enter(Phase::Idle);
        assert!(!overdue(25));
    }
}
