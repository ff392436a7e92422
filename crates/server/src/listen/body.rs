//! The bodies of requests, which must arrive in time, and of answers, whose end ends the request.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

use super::limits::{Limits, duration};
use super::progress::{Phase, Progress};

/// Bodies up to this size are copied out of the connection's buffer, so that the buffer can be used again; above it
/// copying costs more than the buffer.
const COPIED_BYTES_MAX: usize = 16 * 1024;
/// What a body that announces its length may reserve before its bytes arrive.
const RESERVED_BYTES_MAX: usize = 64 * 1024;

/// Why a request's body cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum InboundError {
    /// It did not arrive within the body deadline, or too slowly.
    #[error("the body did not arrive in time: {received} bytes in {} ms", elapsed.as_millis())]
    TooSlow {
        /// Bytes that did arrive.
        received: u64,
        /// Since the head arrived.
        elapsed: Duration,
    },
    /// It is longer than it may be.
    #[error("the body is longer than {bytes_max} bytes")]
    TooLarge {
        /// What was allowed.
        bytes_max: u64,
    },
    /// It ended early or is not framed as HTTP says.
    #[error("the body ended early or is malformed: {0}")]
    Malformed(#[source] hyper::Error),
}

/// The body of a request; reading it fails when it is late.
pub struct Inbound {
    incoming: Incoming,
    progress: Arc<Progress>,
    began: Instant,
    received: u64,
    /// Only made when the body is not there yet: most bodies arrive together with the head.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Inbound {
    pub(super) fn new(incoming: Incoming, progress: Arc<Progress>) -> Self {
        Self { incoming, progress, began: Instant::now(), received: 0, timer: None }
    }

    /// Reads all of it, up to `bytes_max`. A body that announces to be longer is refused before it is read.
    pub async fn read(mut self, bytes_max: u64) -> Result<Bytes, InboundError> {
        let announced = self.incoming.size_hint();
        if announced.lower() > bytes_max {
            return Err(InboundError::TooLarge { bytes_max });
        }
        let Some(first) = self.next_data(bytes_max).await? else { return Ok(Bytes::new()) };
        if self.is_end_stream() {
            return Ok(if first.len() <= COPIED_BYTES_MAX { Bytes::copy_from_slice(&first) } else { first });
        }
        let expected = usize::try_from(announced.lower()).unwrap_or(0).min(RESERVED_BYTES_MAX);
        let mut whole = BytesMut::with_capacity(expected.max(first.len()));
        whole.extend_from_slice(&first);
        drop(first);
        while let Some(data) = self.next_data(bytes_max).await? {
            whole.extend_from_slice(&data);
        }
        Ok(whole.freeze())
    }

    async fn next_data(&mut self, bytes_max: u64) -> Result<Option<Bytes>, InboundError> {
        loop {
            let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut *self).poll_frame(cx)).await else { return Ok(None) };
            if self.received > bytes_max {
                return Err(InboundError::TooLarge { bytes_max });
            }
            if let Ok(data) = frame?.into_data() {
                return Ok(Some(data));
            }
        }
    }

    /// When the body is late if nothing more arrives.
    fn deadline(&self) -> Instant {
        let limits = &self.progress.limits;
        self.began + lateness(limits, self.received)
    }
}

/// How long after its head a body of which `received` bytes have arrived becomes late.
fn lateness(limits: &Limits, received: u64) -> Duration {
    let whole = duration(limits.body);
    match limits.body_rate_min.0 {
        0 => whole,
        rate => {
            let earned = Duration::from_millis(received.saturating_mul(1000) / rate);
            whole.min(duration(limits.body_grace).max(earned))
        }
    }
}

impl Body for Inbound {
    type Data = Bytes;
    type Error = InboundError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, InboundError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) {
            let frame = frame.map(|frame| frame.map_err(InboundError::Malformed));
            if let Some(Ok(frame)) = &frame
                && let Some(data) = frame.data_ref()
            {
                self.received += data.len() as u64;
            }
            return Poll::Ready(frame);
        }
        let deadline = self.deadline();
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Some(Err(InboundError::TooSlow { received: self.received, elapsed: self.began.elapsed() })))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        if !self.incoming.is_end_stream() {
            self.progress.leave_unread();
        }
    }
}

/// The body of an answer. Its end is the end of the request.
pub(super) struct Outbound<B> {
    body: B,
    progress: Arc<Progress>,
}

impl<B> Outbound<B> {
    pub(super) fn new(body: B, progress: Arc<Progress>) -> Self {
        Self { body, progress }
    }
}

impl<B: Body + Unpin> Body for Outbound<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Outbound<B> {
    fn drop(&mut self) {
        self.progress.enter(Phase::Idle);
    }
}

#[cfg(test)]
mod tests {
    use hookmill_engine::time::Span;

    use super::*;
    use crate::config::Size;

    #[test]
    fn a_body_earns_time_by_arriving_but_never_more_than_the_deadline() {
        let limits = Limits { body: Span(30_000), body_grace: Span(5_000), body_rate_min: Size(1024), ..Limits::default() };
        for (received, ms) in [(0, 5_000), (1024, 5_000), (10 * 1024, 10_000), (100 * 1024, 30_000), (u64::MAX, 30_000)] {
            assert_eq!(lateness(&limits, received), Duration::from_millis(ms), "{received}");
        }
        let no_rate = Limits { body_rate_min: Size(0), ..limits };
        assert_eq!(lateness(&no_rate, 0), Duration::from_secs(30));
    }
}
