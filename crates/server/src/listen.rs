//! The accept loop: from a listening socket to requests, with a limit on everything a peer can take.
//!
//! It knows nothing about what is served: a [`Handler`] gets each request with the peer's address. What never becomes a
//! request (a head that is too large, too slow or ambiguous, one connection too many) is answered here.
//!
//! HTTP/1.1 only: HTTP/2 comes with TLS.

mod body;
mod connection;
mod framing;
mod limits;
mod peers;
mod progress;
mod refusal;
mod stream;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Body;
use hyper::{Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error, info};

pub use body::{Inbound, InboundError};
pub use limits::Limits;

use connection::serve_connection;
use peers::Peers;
use progress::Progress;
use refusal::{Refusal, linger};

/// How long accepting pauses when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections over the limit that are told so at once; more are closed without a word.
const REFUSED_AT_ONCE_MAX: usize = 64;

/// Answers requests. Implemented by any `Fn(Request<Inbound>, SocketAddr) -> Future<Output = Response<B>>`.
pub trait Handler<B>: Clone + Send + Sync + 'static {
    /// Answers one request of the peer.
    fn handle(&self, request: Request<Inbound>, peer: SocketAddr) -> impl Future<Output = Response<B>> + Send + 'static;
}

impl<F, R, B> Handler<B> for F
where
    F: Fn(Request<Inbound>, SocketAddr) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Response<B>> + Send + 'static,
{
    fn handle(&self, request: Request<Inbound>, peer: SocketAddr) -> impl Future<Output = Response<B>> + Send + 'static {
        self(request, peer)
    }
}

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections with a request that did not finish within `limits.drain`.
    pub cut: usize,
}

/// Accepts connections and serves them until `shutdown`; then stops accepting, closes idle connections, lets requests in
/// flight finish for at most `limits.drain`, and returns when no connection is left.
pub async fn serve<H, B>(listener: TcpListener, limits: Limits, handler: H, shutdown: CancellationToken) -> Drained
where
    H: Handler<B>,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let limits = Arc::new(limits);
    let builder = Arc::new(connection::builder(&limits));
    let peers = Peers::new(limits.connections_max, limits.connections_per_peer_max);
    let refusing = Arc::new(Semaphore::new(REFUSED_AT_ONCE_MAX));
    let (tasks, cut, cut_count) = (TaskTracker::new(), CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
    let open = metrics::gauge!("hookmill_connections");
    while let Some((socket, peer)) = accept(&listener, &shutdown).await {
        let Some(place) = peers.enter(peer.ip()) else {
            refuse(&tasks, &refusing, socket);
            continue;
        };
        if let Err(error) = socket.set_nodelay(true) {
            debug!(%error, "A connection was gone before it was served");
            continue;
        }
        let (builder, handler) = (Arc::clone(&builder), handler.clone());
        let progress = Arc::new(Progress::new(peer, Arc::clone(&limits)));
        let (stop, cut, cut_count, open) = (shutdown.clone(), cut.clone(), Arc::clone(&cut_count), open.clone());
        tasks.spawn(async move {
            open.increment(1);
            if serve_connection(&builder, socket, progress, handler, &stop, &cut).await {
                cut_count.fetch_add(1, Relaxed);
            }
            open.decrement(1);
            drop(place);
        });
    }
    drop(listener);
    tasks.close();
    if tokio::time::timeout(limits::duration(limits.drain), tasks.wait()).await.is_err() {
        cut.cancel();
        tasks.wait().await;
    }
    Drained { cut: cut_count.load(Relaxed) }
}

/// The next connection; none when the server stops. Only says once that accepting fails, until it works again.
async fn accept(listener: &TcpListener, shutdown: &CancellationToken) -> Option<(TcpStream, SocketAddr)> {
    let mut failing = false;
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => return None,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(accepted) => {
                if failing {
                    info!("Accepting connections again");
                }
                return Some(accepted);
            }
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                if !failing {
                    error!(%error, "Cannot accept connections; is the limit of open files too low (ulimit -n)?");
                    failing = true;
                }
                tokio::select! {
                    () = shutdown.cancelled() => return None,
                    () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                }
            }
        }
    }
}

/// Whether the peer, not the machine, is why accepting failed.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

fn refuse(tasks: &TaskTracker, refusing: &Arc<Semaphore>, mut socket: TcpStream) {
    let Ok(permit) = Arc::clone(refusing).try_acquire_owned() else { return };
    tasks.spawn(async move {
        Refusal::too_many_connections().write(&mut socket).await;
        linger(&mut socket).await;
        drop(permit);
    });
}
