//! One connection from its first byte to its last.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use futures_util::FutureExt as _;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Handler;
use super::body::{Inbound, Outbound};
use super::limits::Limits;
use super::progress::{Phase, Progress};
use super::refusal::{Refusal, linger};
use super::stream::Stream;

/// What the HTTP library holds of a request at once; the head must fit.
const BUFFER_BYTES_MIN: usize = 64 * 1024;
/// The library parses up to this many headers without a heap allocation.
const HEADERS_WITHOUT_ALLOCATION: u32 = 100;

/// How a connection came to its end.
enum End {
    /// By itself, also by an error.
    Closed,
    /// It waited too long, in this phase.
    Expired(Phase),
    /// The server stopped and could not wait any longer.
    Cut,
}

pub(super) fn builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        // The deadlines of a head are kept here; the library's would also count the time between requests.
        .header_read_timeout(None)
        // A sender that ends its side has still sent a request. Besides, a request that is being stored is not dropped
        // half-way because its sender went away.
        .half_close(true)
        .max_buf_size(BUFFER_BYTES_MIN.max(limits.head_bytes_max.as_usize().saturating_add(BUFFER_BYTES_MIN / 2)));
    if limits.headers_max > HEADERS_WITHOUT_ALLOCATION {
        builder.max_headers(usize::try_from(limits.headers_max).unwrap_or(usize::MAX));
    }
    builder
}

/// Serves one connection. `stop` lets the request in flight finish; `cut` does not.
pub(super) async fn serve_connection<H, B>(
    builder: &http1::Builder,
    socket: TcpStream,
    progress: Arc<Progress>,
    handler: H,
    stop: &CancellationToken,
    cut: &CancellationToken,
) -> bool
where
    H: Handler<B>,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let stream = Stream::new(socket, Arc::clone(&progress));
    let service = service_fn(|request: Request<Incoming>| {
        progress.enter(Phase::Busy);
        let request = request.map(|body| Inbound::new(body, Arc::clone(&progress)));
        let answer = handler.handle(request, progress.peer);
        let progress = Arc::clone(&progress);
        // Not an async block: that has room for the answer's future twice, and hyper moves it about for each request.
        answer.map(|answer| Ok::<Response<_>, Infallible>(answer.map(|body| Outbound::new(body, progress))))
    });
    let mut connection = builder.serve_connection(TokioIo::new(stream), service);
    let end = drive(&mut connection, &progress, stop, cut).await;
    let mut socket = connection.into_parts().io.into_inner().into_socket();
    match (end, progress.offence()) {
        (End::Cut, _) => return true,
        (_, Some(offence)) => Refusal::offence(offence, &progress.limits).write(&mut socket).await,
        (End::Expired(Phase::Head), _) => Refusal::head_too_slow(&progress.limits).write(&mut socket).await,
        (End::Closed, None) if progress.unread() => {}
        (End::Closed | End::Expired(_), None) => return false,
    }
    if !progress.ended() {
        linger(&mut socket).await;
    }
    false
}

/// Polls the connection until it ends or its deadline passes. The timer is only moved when the deadline comes nearer;
/// when it went further away, the timer goes off early and is set anew. So a busy connection never touches it.
async fn drive<C: Graceful>(connection: &mut C, progress: &Progress, stop: &CancellationToken, cut: &CancellationToken) -> End {
    let mut stopping = false;
    let mut stop = pin!(stop.cancelled());
    let mut cut = pin!(cut.cancelled());
    let mut timer = pin!(sleep_until(progress.deadline().map_or_else(Instant::now, Instant::from_std)));
    std::future::poll_fn(|cx| {
        if cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(End::Cut);
        }
        if !stopping && stop.as_mut().poll(cx).is_ready() {
            stopping = true;
            Pin::new(&mut *connection).begin_stop();
        }
        if Pin::new(&mut *connection).poll(cx).is_ready() || progress.offence().is_some() {
            return Poll::Ready(End::Closed);
        }
        loop {
            let Some(deadline) = progress.deadline().map(Instant::from_std) else { return Poll::Pending };
            if deadline < timer.deadline() {
                timer.as_mut().reset(deadline);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if Instant::now() >= deadline {
                return Poll::Ready(End::Expired(progress.phase()));
            }
            timer.as_mut().reset(deadline);
        }
    })
    .await
}

/// A connection of the HTTP library, whatever its service.
trait Graceful: Future + Unpin {
    /// Ends it after the request in flight, or at once when there is none.
    fn begin_stop(self: Pin<&mut Self>);
}

impl<S, B> Graceful for http1::Connection<TokioIo<Stream>, S>
where
    S: hyper::service::Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn begin_stop(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}
