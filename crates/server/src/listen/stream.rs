//! The socket as the HTTP library sees it: every byte passes by the connection's [`Progress`] and [`Framing`].

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::framing::Framing;
use super::progress::{Phase, Progress};

pub(super) struct Stream {
    socket: TcpStream,
    framing: Framing,
    progress: Arc<Progress>,
}

impl Stream {
    pub(super) fn new(socket: TcpStream, progress: Arc<Progress>) -> Self {
        Self { socket, framing: Framing::new(&progress.limits), progress }
    }

    pub(super) fn into_socket(self) -> TcpStream {
        self.socket
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buffer))?;
        let Self { framing, progress, .. } = &mut *self;
        let arrived = &buffer.filled()[before..];
        if arrived.is_empty() {
            progress.end();
            return Poll::Ready(Ok(()));
        }
        progress.bytes_arrived();
        if let Err(offence) = framing.advance(arrived) {
            // A request that is already being handled has its own answer; the connection ends after it all the same.
            if progress.phase() == Phase::Busy {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "the next request is refused")));
            }
            // Whoever polls the connection sees the offence next. An error here would end our side of the socket first.
            progress.offend(offence);
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.progress.write_blocked(written.is_pending());
        written
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, parts: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, parts);
        self.progress.write_blocked(written.is_pending());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
