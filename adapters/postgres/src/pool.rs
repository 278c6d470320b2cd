use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use keeper_ports::{PortError, PortResult};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// A connection that lay idle for longer is asked whether it still works before it is used. Under load none is, so
/// this costs nothing where time matters.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// How long such a connection has to answer.
const PING_TIMEOUT: Duration = Duration::from_secs(1);
/// A connection that was not needed for so long is closed.
const LONGEST_IDLE: Duration = Duration::from_mins(10);
/// A connection that is older is replaced, so that a load balancer's or a failover's changes arrive.
const LONGEST_LIFE: Duration = Duration::from_mins(30);

/// The connections of this process to one database.
///
/// sqlx's own pool asks the server for a sign of life after *every* statement, which is a second round trip to each:
/// measured, with it there are half as many reads per second. This one asks only connections that lay idle.
#[derive(Debug)]
pub(crate) struct Pool {
    what: &'static str,
    options: PgConnectOptions,
    connect_timeout: Duration,
    acquire_timeout: Duration,
    free: Arc<Semaphore>,
    /// A stack: the connection that was used last is reused first.
    idle: Mutex<Vec<Idle>>,
    open: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Idle {
    live: Live,
    since: Instant,
}

#[derive(Debug)]
struct Live {
    connection: PgConnection,
    opened: Instant,
    _counted: Counted,
}

/// Counts an open connection for as long as it lives.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(open))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection in use. Dropped, it is closed: a statement may have been left half-way.
#[derive(Debug)]
pub(crate) struct Lease {
    live: Live,
    permit: OwnedSemaphorePermit,
}

impl Lease {
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.live.connection
    }
}

impl Pool {
    pub(crate) fn new(
        what: &'static str,
        options: PgConnectOptions,
        max_connections: usize,
        connect_timeout: Duration,
        acquire_timeout: Duration,
    ) -> Self {
        Self {
            what,
            options,
            connect_timeout,
            acquire_timeout,
            free: Arc::new(Semaphore::new(max_connections)),
            idle: Mutex::new(Vec::with_capacity(max_connections)),
            open: Arc::default(),
        }
    }

    /// Gives a connection: an idle one if there is one, else a new one.
    pub(crate) async fn acquire(&self) -> PortResult<Lease> {
        let free = Arc::clone(&self.free);
        let permit = match Arc::clone(&free).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => timeout(self.acquire_timeout, free.acquire_owned())
                .await
                .map_err(|_| self.away("no connection became free in time"))?
                .map_err(|closed| self.away(closed))?,
        };
        while let Some(mut idle) = self.pop() {
            if idle.live.opened.elapsed() > LONGEST_LIFE {
                continue;
            }
            if idle.since.elapsed() > TRUSTED_IDLE {
                let answer = timeout(PING_TIMEOUT, idle.live.connection.ping()).await;
                if !matches!(answer, Ok(Ok(()))) {
                    self.distrust();
                    break;
                }
            }
            return Ok(Lease { live: idle.live, permit });
        }
        let connection = timeout(self.connect_timeout, self.options.connect())
            .await
            .map_err(|_| self.away("no connection within the connect timeout"))?
            .map_err(|error| self.away(error))?;
        let live = Live { connection, opened: Instant::now(), _counted: Counted::new(&self.open) };
        Ok(Lease { live, permit })
    }

    /// Takes a connection back that works.
    pub(crate) fn release(&self, lease: Lease) {
        let now = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(Idle { live: lease.live, since: now });
        let unneeded = idle.first().is_some_and(|first| now.duration_since(first.since) > LONGEST_IDLE);
        let closing = unneeded.then(|| idle.remove(0));
        drop(idle);
        // Only now may another call look for it.
        drop(lease.permit);
        drop(closing);
    }

    /// Closes the idle connections: one was found broken, so they probably are.
    pub(crate) fn distrust(&self) {
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        drop(idle);
    }

    /// The numbers of connections that are open and idle.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).len();
        (self.open.load(Ordering::Relaxed), idle)
    }

    fn pop(&self) -> Option<Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Every failure to connect is transient, a wrong password too: it is put right without this call being changed.
    fn away(&self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PortError {
        PortError::unavailable(self.what, cause)
    }
}
