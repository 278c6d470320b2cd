use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use lapin::{Channel, Connection, Event};
use tokio::time::timeout;

/// How long a connection may take to close in good order.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The socket under a connection. Dropped, the connection is ended at once, whatever state it is in: the library's
/// thread would wait for ever for a peer that took the connection and fell silent before the heartbeats began.
#[derive(Default)]
pub(crate) struct Socket(SocketSlot);

/// Where the library's connector puts the socket that it opened.
#[derive(Clone, Default)]
pub(crate) struct SocketSlot(Arc<Mutex<Option<TcpStream>>>);

impl SocketSlot {
    pub(crate) fn fill(&self, stream: &tokio::net::TcpStream) -> io::Result<()> {
        // Frames are written whole; waiting for more (Nagle) would delay each acknowledgement by up to 40 ms.
        stream.set_nodelay(true)?;
        let stream = TcpStream::from(stream.as_fd().try_clone_to_owned()?);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
        Ok(())
    }
}

impl Socket {
    pub(crate) fn slot(&self) -> SocketSlot {
        self.0.clone()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let SocketSlot(slot) = &self.0;
        if let Some(stream) = slot.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // An error says that it is closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// A connection with a channel; the queues are there. Dropped, it is gone at once, and everything that was delivered
/// on it and not acknowledged goes back to its queue.
pub(crate) struct Session {
    // The first field: it is dropped before the library's parts.
    _socket: Socket,
    pub(crate) connection: Connection,
    pub(crate) channel: Channel,
    pub(crate) inspection: Inspection,
    events: Pin<Box<dyn Stream<Item = Event> + Send>>,
}

/// Whether the user may look at the queues: at their being there, and at their lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inspection {
    Allowed,
    Refused,
}

/// What happened to a connection by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Incident {
    /// The broker takes no messages, for this reason.
    Blocked(String),
    /// The broker takes messages again.
    Unblocked,
    /// The connection or its channel is gone, for this reason.
    Lost(String),
}

/// Why work over a connection ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SessionEnd {
    /// The unit is told to stop.
    Stopped,
    /// The connection is of no more use, for this reason.
    Lost(String),
    /// The broker takes messages on it and confirms none, for this reason: the connection may be well, and the queue down.
    Silent(String),
}

impl From<lapin::Error> for SessionEnd {
    fn from(error: lapin::Error) -> Self {
        Self::Lost(error.to_string())
    }
}

impl Session {
    pub(crate) fn new(
        connection: Connection,
        channel: Channel,
        inspection: Inspection,
        socket: Socket,
    ) -> Self {
        let events = Box::pin(connection.events_listener());
        Self { _socket: socket, connection, channel, inspection, events }
    }

    /// Waits for the next thing that happens. It is safe to be dropped and called again.
    pub(crate) async fn incident(&mut self) -> Incident {
        loop {
            match timeout(Duration::from_secs(1), self.events.next()).await {
                Ok(Some(Event::ConnectionBlocked(reason))) => return Incident::Blocked(reason),
                Ok(Some(Event::ConnectionUnblocked)) => return Incident::Unblocked,
                Ok(Some(Event::Error(error))) => return Incident::Lost(error.to_string()),
                // Not every way in which a connection ends is an event.
                Ok(Some(_)) | Err(_) if self.is_usable() => {}
                Ok(_) | Err(_) => return Incident::Lost("the connection is closed".into()),
            }
        }
    }

    /// Connection and channel are open.
    pub(crate) fn is_usable(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }

    /// Ends the connection in good order, if the broker answers.
    pub(crate) async fn close(self) {
        let closing = self.connection.close(200, "OK".into());
        // What is not closed in time is cut off by the drop.
        let _ = timeout(CLOSE_TIMEOUT, closing).await;
    }
}
