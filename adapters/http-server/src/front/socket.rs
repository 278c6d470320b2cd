use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use hyper::HeaderMap;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::connection::{Connection, Phase};
use super::refusal::{Refusal, Refused, begin, written};
use super::service::Service;

/// A connection's stream: it tells the connection what goes by, and gives hyper's own refusals, which are empty, a body.
pub(super) struct Socket {
    stream: TcpStream,
    connection: Arc<Connection>,
    service: Arc<Service>,
    /// The request line of the head that is coming has its end.
    has_line: bool,
    /// The client speaks HTTP/2.
    http2: bool,
    /// What is written instead of hyper's refusal, and how much of it is.
    refusal: Option<(Vec<u8>, usize)>,
    /// How many bytes came after the last answer; none while the connection goes on.
    late: Option<usize>,
}

/// How many bytes are taken from a client after its last answer.
const MOST_LATE: usize = 1024 * 1024;

/// How a client begins that speaks HTTP/2 without being told that it may.
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n";

impl Socket {
    pub(super) fn new(stream: TcpStream, connection: Arc<Connection>, service: Arc<Service>) -> Self {
        Self { stream, connection, service, has_line: false, http2: false, refusal: None, late: None }
    }

    /// Hyper writes something while no request is being answered: a refusal, in one piece.
    fn refuses(&self) -> bool {
        self.refusal.is_some() || self.connection.phase() <= Phase::Head
    }

    fn poll_refuse(&mut self, cx: &mut Context<'_>, hypers: &[u8]) -> Poll<io::Result<usize>> {
        if self.refusal.is_none() {
            let refusal = match hypers.get(9..12) {
                _ if self.http2 => Refusal::Http2,
                Some(b"431") if self.has_line => Refusal::HeadTooLarge,
                Some(b"431" | b"414") => Refusal::AddressTooLong,
                _ => Refusal::Malformed,
            };
            // Of a head that is none nothing is known.
            let headers = HeaderMap::new();
            let refused = Refused {
                method: "none",
                path: "",
                client: self.connection.client.ip().to_canonical(),
                prefix: None,
                request: begin(&headers),
                started: Instant::now(),
                accepts: Vec::new(),
            };
            let mut answer = refusal.answer(refused, self.service.metrics.as_ref());
            self.service.tell_browser(&headers, &mut answer);
            let text = written(&answer);
            // From here on the client has to take it.
            self.connection.send(text.len());
            self.refusal = Some((text, 0));
        }
        let Some((text, done)) = &mut self.refusal else { return Poll::Ready(Ok(hypers.len())) };
        while *done < text.len() {
            let wrote = ready!(Pin::new(&mut self.stream).poll_write(cx, &text[*done..]))?;
            if wrote == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *done += wrote;
        }
        Poll::Ready(Ok(hypers.len()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let read = &mut buffer.filled_mut()[before..];
        if self.connection.phase() == Phase::Idle && read.starts_with(HTTP2) {
            // Hyper leaves this beginning unanswered. Changed, it is refused as any other head that is none.
            read[0] = b'X';
            self.http2 = true;
        }
        match self.connection.phase() {
            Phase::Idle if !read.is_empty() => {
                self.has_line = read.contains(&b'\n');
                self.connection.enter(Phase::Head);
            }
            Phase::Head => self.has_line |= read.contains(&b'\n'),
            _ => {}
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.refuses() {
            return self.poll_refuse(cx, bytes);
        }
        let wrote = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.connection.progress();
        Poll::Ready(Ok(wrote))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.refuses() {
            let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
            return self.poll_refuse(cx, &bytes);
        }
        let wrote = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices))?;
        self.connection.progress();
        Poll::Ready(Ok(wrote))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        // Hyper flushes when everything is written, and an answer is handed to it in one piece.
        if self.connection.phase() == Phase::Sending && self.refusal.is_none() {
            self.has_line = false;
            self.connection.enter(Phase::Idle);
        }
        Poll::Ready(Ok(()))
    }

    /// Says that this was the last answer, and waits until the client has heard it: a connection that is closed over bytes
    /// that were not read takes the answer away from its reader.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.late.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            // A client that waits has the time of a head, and makes room for others.
            self.connection.enter(Phase::Head);
            self.late = Some(0);
        }
        let mut thrown_away = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut thrown_away);
            let ended = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)).is_err();
            let late = self.late.unwrap_or_default() + buffer.filled().len();
            self.late = Some(late);
            if ended || buffer.filled().is_empty() || late > MOST_LATE {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
