use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use keeper_ports::{PortError, PortResult};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use crate::connector::Connector;
use crate::session::{Session, ping};
use crate::{PgSettings, error};

/// A connection that lay idle for longer is asked whether it still works before it is used. Under load none is, so
/// this costs nothing where time matters.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// How long such a connection has to answer.
const PING_TIMEOUT: Duration = Duration::from_secs(1);
/// A connection that was not needed for so long is closed.
const LONGEST_IDLE: Duration = Duration::from_mins(10);
/// A connection that is older is replaced, so that a load balancer's or a failover's changes arrive.
const LONGEST_LIFE: Duration = Duration::from_mins(30);
/// A connection that is younger has seen the server as it is now.
const NEW: Duration = Duration::from_secs(1);
/// How often a server that refuses another connection is asked again, while one of ours may become free.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);
/// A connection that takes longer than this to open may never open: from then on the call also takes one of ours that becomes free. Not
/// shorter, because with TLS opening one takes ten round trips, and over a long distance the pool must be able to grow, too.
const SOON: Duration = Duration::from_secs(1);

/// The connections of this process to one database.
///
/// sqlx's own pool asks the server for a sign of life after *every* statement, which is a second round trip to each:
/// measured, with it there are half as many reads per second. This one asks only connections that lay idle.
#[derive(Debug)]
pub(crate) struct Pool {
    dependency: &'static str,
    connector: Arc<Connector>,
    statement_timeout_ms: u32,
    connect_timeout: Duration,
    acquire_timeout: Duration,
    free: Arc<Semaphore>,
    /// Rings when a connection is given back.
    released: Notify,
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
    session: Session,
    opened: Instant,
    _counted: Counted,
}

/// Why no connection could be opened.
#[derive(Debug)]
struct Refused {
    /// Another process may make room.
    has_no_room: bool,
    cause: String,
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
    pub(crate) fn session(&mut self) -> &mut Session {
        &mut self.live.session
    }

    /// Whether the connection was opened just now.
    pub(crate) fn is_new(&self) -> bool {
        self.live.opened.elapsed() < NEW
    }
}

impl Pool {
    pub(crate) fn new(dependency: &'static str, connector: Arc<Connector>, settings: &PgSettings) -> Self {
        let max_connections = usize::from(settings.max_connections.get());
        Self {
            dependency,
            connector,
            statement_timeout_ms: settings.statement_timeout_ms,
            connect_timeout: settings.connect_timeout(),
            acquire_timeout: settings.acquire_timeout(),
            free: Arc::new(Semaphore::new(max_connections)),
            released: Notify::new(),
            idle: Mutex::new(Vec::with_capacity(max_connections)),
            open: Arc::default(),
        }
    }

    /// Gives a connection: an idle one if there is one, else a new one. Where none can be opened, whatever the cause, it waits for
    /// one of those that are in use.
    pub(crate) async fn acquire(&self) -> PortResult<Lease> {
        let begin = Instant::now();
        let permit = self.permit().await?;
        if let Some(live) = self.idle().await {
            return Ok(Lease { live, permit });
        }
        loop {
            let refused = tokio::select! {
                biased;
                opened = self.open() => match opened {
                    Ok(live) => return Ok(Lease { live, permit }),
                    Err(refused) => refused,
                },
                // Only one that has not opened soon: otherwise the pool would not grow under load.
                live = async { sleep(SOON).await; self.freed().await } => return Ok(Lease { live, permit }),
            };
            let may_come_free = refused.has_no_room || self.open.load(Ordering::Relaxed) > 0;
            if !may_come_free || begin.elapsed() > self.acquire_timeout {
                return Err(self.away(refused.cause));
            }
            if let Ok(live) = timeout(REFUSED_PAUSE, self.freed()).await {
                return Ok(Lease { live, permit });
            }
        }
    }

    async fn open(&self) -> Result<Live, Refused> {
        match timeout(self.connect_timeout, self.connector.open(self.statement_timeout_ms)).await {
            Ok(Ok(session)) => {
                Ok(Live { session, opened: Instant::now(), _counted: Counted::new(&self.open) })
            }
            Ok(Err(refused)) => Err(Refused {
                has_no_room: has_no_room(&refused),
                cause: self.connector.login().with_remedy(&refused, ""),
            }),
            Err(_) => Err(Refused {
                has_no_room: false,
                cause: "no connection within the connect timeout".to_owned(),
            }),
        }
    }

    /// Waits for a connection that is given back, for as long as it takes.
    async fn freed(&self) -> Live {
        loop {
            let released = self.released.notified();
            if let Some(live) = self.idle().await {
                return live;
            }
            released.await;
        }
    }

    async fn permit(&self) -> PortResult<OwnedSemaphorePermit> {
        let free = Arc::clone(&self.free);
        if let Ok(permit) = Arc::clone(&free).try_acquire_owned() {
            return Ok(permit);
        }
        timeout(self.acquire_timeout, free.acquire_owned())
            .await
            .map_err(|_| self.away("no connection became free in time"))?
            .map_err(|closed| self.away(closed))
    }

    /// An idle connection that works, if there is one.
    async fn idle(&self) -> Option<Live> {
        while let Some(mut idle) = self.pop() {
            if idle.live.opened.elapsed() > LONGEST_LIFE {
                continue;
            }
            if idle.since.elapsed() > TRUSTED_IDLE {
                let answer = timeout(PING_TIMEOUT, ping(&mut idle.live.session)).await;
                if !matches!(answer, Ok(Ok(()))) {
                    self.distrust();
                    return None;
                }
            }
            return Some(idle.live);
        }
        None
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
        self.released.notify_one();
        drop(closing);
    }

    /// Closes the idle connections: one was found to be of no use, so they probably are, too.
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
        PortError::unavailable(self.dependency, cause)
    }
}

/// Whether the server has as many connections as it takes: `too_many_connections`; its pooler says so in words.
fn has_no_room(error: &sqlx::Error) -> bool {
    error::code(error).is_some_and(|code| code == "53300") || error.to_string().contains("max_client_conn")
}
