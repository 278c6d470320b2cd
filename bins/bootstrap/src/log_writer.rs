//! Writes log lines to standard error on a thread of its own. A reader that stalls stops the thread, and nothing else: lines
//! that find no room are dropped and counted.

use std::io::{self, BufWriter};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounter, Registry};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

/// Lines that wait for the reader: usually about a megabyte.
const MOST_LINES: usize = 4_096;

/// How long the end of the process waits for the reader.
const PATIENCE: Duration = Duration::from_secs(1);

/// The thread that writes.
pub(crate) struct LogWriter {
    worker: Mutex<Option<WorkerGuard>>,
    dropped: ErrorCounter,
}

impl LogWriter {
    /// Starts the thread, and gives what lines are handed to.
    pub(crate) fn start() -> (NonBlocking, Self) {
        // Lines that come together are one call to the system.
        let (lines, worker) = NonBlockingBuilder::default()
            .lossy(true)
            .buffered_lines_limit(MOST_LINES)
            .thread_name("log")
            .finish(BufWriter::new(io::stderr()));
        let dropped = lines.error_counter();
        (lines, Self { worker: Mutex::new(Some(worker)), dropped })
    }

    /// Registers the count of dropped lines.
    pub(crate) fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        let name = "log_lines_dropped_total";
        let help = "Log lines that were dropped, since whoever reads standard error did not keep up.";
        let counter = IntCounter::new(name, help)?;
        let lines = self.dropped.clone();
        registry.register(Box::new(Dropped { counter, lines, counted: Mutex::new(0) }))
    }

    /// Writes what waits, and ends the thread; a reader that stalls is given up after a second.
    pub(crate) fn finish(&self) {
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        within_patience(move || drop(worker));
    }
}

/// Does what may wait for a reader of our output, and goes on without it after a second.
pub(crate) fn within_patience(writes: impl FnOnce() + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    let written = move || {
        writes();
        // Nobody waits any longer after a second.
        let _ = done.send(());
    };
    // Without a thread it is not written, and there is nowhere to tell.
    if thread::Builder::new().spawn(written).is_ok() {
        let _ = is_done.recv_timeout(PATIENCE);
    }
}

/// Brings the counter up to date when it is looked at.
struct Dropped {
    counter: IntCounter,
    lines: ErrorCounter,
    counted: Mutex<u64>,
}

impl Collector for Dropped {
    fn desc(&self) -> Vec<&Desc> {
        self.counter.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let dropped = u64::try_from(self.lines.dropped_lines()).unwrap_or(u64::MAX);
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        self.counter.inc_by(dropped.saturating_sub(*counted));
        *counted = dropped;
        self.counter.collect()
    }
}
