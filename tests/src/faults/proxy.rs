use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

/// How a network carries what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// At once.
    Usual,
    /// Each piece so much later.
    Late(Duration),
    /// A byte at a time.
    ByByte,
    /// As usual, until a connection has carried so many bytes in one direction; then it breaks, wherever that is.
    CutAfter(usize),
}

/// A way to a port that can fall silent, as a network does: connections stay, nothing comes through, nobody is told.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    open: Arc<watch::Sender<bool>>,
    pace: watch::Sender<Pace>,
    takes_new: Arc<AtomicBool>,
}

/// What the two directions of a connection share.
#[derive(Clone)]
struct Way {
    open: Arc<watch::Sender<bool>>,
    pace: watch::Receiver<Pace>,
}

impl Proxy {
    /// Opens a way to a port of the loopback.
    pub async fn to(target: u16) -> Self {
        Self::silent_from(target, None).await
    }

    /// Opens a way that falls silent by itself when a client sends these bytes; they do not come through.
    pub async fn silent_at(target: u16, bytes: &'static [u8]) -> Self {
        Self::silent_from(target, Some(bytes)).await
    }

    async fn silent_from(target: u16, bytes: Option<&'static [u8]>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let open = Arc::new(watch::Sender::new(true));
        let pace = watch::Sender::new(Pace::Usual);
        let way = Way { open: Arc::clone(&open), pace: pace.subscribe() };
        let takes_new = Arc::new(AtomicBool::new(true));
        let takes = Arc::clone(&takes_new);
        tokio::spawn(async move {
            let mut unserved = Vec::new();
            while let Ok((client, _)) = listener.accept().await {
                if takes.load(Ordering::Relaxed) {
                    tokio::spawn(serve(client, target, way.clone(), bytes));
                } else {
                    unserved.push(client);
                }
            }
        });
        Self { port, open, pace, takes_new }
    }

    /// Where to connect.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Nothing comes through any more, on old connections and on new ones.
    pub fn silence(&self) {
        self.open.send_replace(false);
    }

    /// Carries what comes from now on at this pace, on old connections and on new ones.
    pub fn carry(&self, pace: Pace) {
        self.pace.send_replace(pace);
    }

    /// From now on nothing comes through on new connections; the old ones go on.
    pub fn silence_new(&self) {
        self.takes_new.store(false, Ordering::Relaxed);
    }

    /// Waits until it is silent.
    pub async fn until_silent(&self) {
        fallen_silent(&mut self.open.subscribe()).await;
    }

    /// New connections come through again; the old ones are dead for ever, as after a change of route.
    pub fn heal(&self) {
        self.open.send_replace(true);
    }
}

async fn serve(client: TcpStream, target: u16, way: Way, silent_at: Option<&'static [u8]>) {
    let mut open = way.open.subscribe();
    if open.wait_for(|open| *open).await.is_err() {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", target)).await else { return };
    // A byte is a packet.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let (mut there, mut back) = (
        tokio::spawn(pump(from_client, to_server, way.clone(), silent_at)),
        tokio::spawn(pump(from_server, to_client, way, None)),
    );
    // One end closed: the other hears of it, if anything is heard at all.
    tokio::select! {
        _ = &mut there => back.abort(),
        _ = &mut back => there.abort(),
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: Way, silent_at: Option<&'static [u8]>) {
    let mut open = way.open.subscribe();
    let (mut buffer, mut left) = (vec![0; 16 * 1024], None);
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => Some(read),
            () = fallen_silent(&mut open) => None,
        };
        let Some(read) = read else {
            // What was connected when it fell silent stays so, and stays silent.
            return std::future::pending().await;
        };
        let sent = &buffer[..*read.as_ref().unwrap_or(&0)];
        if silent_at.is_some_and(|bytes| sent.windows(bytes.len()).any(|window| window == bytes)) {
            way.open.send_replace(false);
            continue;
        }
        match read {
            Ok(1..) => {
                let pace = *way.pace.borrow();
                if carry(&mut to, sent, pace, &mut left).await.is_err() {
                    return;
                }
            }
            _ => return,
        }
    }
}

/// Sends a piece on at this pace; `left` is how much may still come through before a cut. An error ends the connection.
async fn carry(
    to: &mut OwnedWriteHalf,
    sent: &[u8],
    pace: Pace,
    left: &mut Option<usize>,
) -> std::io::Result<()> {
    match pace {
        Pace::Usual => to.write_all(sent).await,
        Pace::Late(later) => {
            sleep(later).await;
            to.write_all(sent).await
        }
        Pace::ByByte => {
            for byte in sent {
                to.write_all(&[*byte]).await?;
            }
            Ok(())
        }
        Pace::CutAfter(bytes) => {
            let through = sent.len().min(*left.get_or_insert(bytes));
            *left = left.map(|left| left - through);
            to.write_all(&sent[..through]).await?;
            if through < sent.len() { Err(std::io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
        }
    }
}

async fn fallen_silent(open: &mut watch::Receiver<bool>) {
    // An error says that nothing can change any more.
    if open.wait_for(|open| !*open).await.is_err() {
        std::future::pending::<()>().await;
    }
}
