//! What the door itself asks of the world: a provider's certificate, the confirmation of a subscription, whom to trust.
//!
//! Only to addresses that the provider's preset allows, within the operator's network policy, without redirects, and bounded
//! in time and size.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hookmill_actions::net::{Net, NoPayload, Outgoing, next_chunk};
use hookmill_signatures::Roots;
use http::{HeaderMap, Method, StatusCode};
use tokio::sync::OnceCell;
use url::Url;

/// How long one request may take from its beginning to the last byte of its answer.
pub(super) const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// What a request gives: the body of a 200, or the end of a sentence that says why there is none.
pub type Fetched = Result<Bytes, String>;

/// Makes these requests.
pub trait Outside: Send + Sync + 'static {
    /// GETs a URL and gives at most so many bytes; more are an error.
    fn get(&self, url: &str, bytes_max: usize) -> Pin<Box<dyn Future<Output = Fetched> + Send>>;

    /// The roots to which chains of certificates must lead.
    fn roots(&self) -> Pin<Box<dyn Future<Output = Arc<Roots>> + Send>>;
}

/// The network, and the roots that this machine trusts.
#[derive(Clone)]
pub struct Network {
    net: Net,
    roots: Arc<Trusted>,
}

/// The roots, read when they are first needed: few hooks need them.
struct Trusted {
    read: fn() -> Roots,
    known: OnceCell<Arc<Roots>>,
}

impl Network {
    /// Reached so.
    #[must_use]
    pub fn new(net: Net) -> Self {
        Self { net, roots: Arc::new(Trusted { read: roots_of_this_machine, known: OnceCell::new() }) }
    }
}

impl Outside for Network {
    fn get(&self, url: &str, bytes_max: usize) -> Pin<Box<dyn Future<Output = Fetched> + Send>> {
        let (net, url) = (self.net.clone(), url.to_owned());
        Box::pin(async move { get_within(&net, &url, bytes_max, ANSWERED_WITHIN).await })
    }

    fn roots(&self) -> Pin<Box<dyn Future<Output = Arc<Roots>> + Send>> {
        let roots = Arc::clone(&self.roots);
        Box::pin(async move { roots.get().await })
    }
}

impl Trusted {
    /// None are not remembered: they may be put there while the server runs.
    async fn get(&self) -> Arc<Roots> {
        let read = || async {
            let roots = tokio::task::spawn_blocking(self.read).await.unwrap_or_default();
            if roots.is_empty() { Err(()) } else { Ok(Arc::new(roots)) }
        };
        self.known.get_or_try_init(read).await.cloned().unwrap_or_default()
    }
}

/// The certificates that the system trusts. Those that cannot be read are missed when a chain leads to one.
fn roots_of_this_machine() -> Roots {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "A root certificate of this machine cannot be read: {error}");
    }
    Roots::of(found.certs.iter().map(AsRef::as_ref))
}

async fn get_within(net: &Net, url: &str, bytes_max: usize, within: Duration) -> Fetched {
    let got = tokio::time::timeout(within, get(net, url, bytes_max)).await;
    got.unwrap_or_else(|_| Err(format!("there was no whole answer within {} ms", within.as_millis())))
}

async fn get(net: &Net, url: &str, bytes_max: usize) -> Fetched {
    let url = Url::parse(url).map_err(|error| format!("its URL cannot be read: {error}"))?;
    let request = Outgoing { method: Method::GET, url, headers: HeaderMap::new(), body: Arc::new(NoPayload), redirects: 0 };
    let mut answer = net.send(request).await.map_err(|error| error.to_string())?;
    if answer.status() != StatusCode::OK {
        return Err(format!("the answer was {}", answer.status()));
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = next_chunk(&mut answer).await.map_err(|error| error.to_string())? {
        if body.len() + chunk.len() > bytes_max {
            return Err(format!("the answer has more than {bytes_max} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

#[cfg(test)]
mod tests;
