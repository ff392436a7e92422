//! The only way out. Every outgoing request of every action goes through [`Net`].
//!
//! A name is resolved once, its addresses are checked, and the connection goes to exactly those. Each redirect is checked
//! like a new request. Proxies from the environment are ignored: the address that is checked is the one that is reached.

mod address;
mod error;
mod policy;
mod redirect;
mod resolve;
mod tls;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method};
use reqwest::{Body, Client, Response};
use url::Url;

pub use address::is_public;
pub use error::NetError;
pub(crate) use policy::shown;
pub use policy::{NetPolicy, PolicyError, URL_BYTES_MAX};
pub use resolve::{Lookup, SystemLookup};

/// How long a connection may take to come about.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an unused connection is kept.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How many unused connections to one host are kept.
pub const IDLE_CONNECTIONS_MAX: usize = 16;
/// The most redirects that can be asked for.
pub const REDIRECTS_MAX: u32 = 5;

/// Sends requests within a policy. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Net {
    client: Client,
    policy: Arc<NetPolicy>,
}

/// One request to send.
pub struct Outgoing {
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// All headers but those the client makes (`Host`, `Content-Length`).
    pub headers: HeaderMap,
    /// The body.
    pub body: Arc<dyn Payload>,
    /// How many redirects are followed, at most [`REDIRECTS_MAX`]. With 0 a redirect is an answer like any other.
    pub redirects: u32,
}

/// A body that can be produced again, for a redirect or after a renewed login.
#[async_trait]
pub trait Payload: Send + Sync {
    /// Its length in bytes; none for a request without a body.
    fn bytes(&self) -> Option<u64>;
    /// Produces it.
    async fn open(&self) -> io::Result<Body>;
}

/// No body at all.
pub struct NoPayload;

#[async_trait]
impl Payload for NoPayload {
    fn bytes(&self) -> Option<u64> {
        None
    }

    async fn open(&self) -> io::Result<Body> {
        Ok(Body::default())
    }
}

#[async_trait]
impl Payload for Bytes {
    fn bytes(&self) -> Option<u64> {
        Some(self.len() as u64)
    }

    async fn open(&self) -> io::Result<Body> {
        Ok(Body::from(self.clone()))
    }
}

impl Net {
    /// A way out within `policy`.
    #[must_use]
    pub fn new(policy: NetPolicy) -> Self {
        Self::with_lookup(policy, Arc::new(SystemLookup))
    }

    /// The same with another way to find addresses.
    #[must_use]
    pub fn with_lookup(policy: NetPolicy, lookup: Arc<dyn Lookup>) -> Self {
        let policy = Arc::new(policy);
        let resolver = resolve::CheckedResolver { policy: Arc::clone(&policy), lookup };
        let client = Client::builder()
            .tls_backend_preconfigured(tls::client_config())
            .dns_resolver(Arc::new(resolver))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .user_agent(concat!("Hookmill/", env!("CARGO_PKG_VERSION")))
            .build()
            .expect("these settings do not depend on the outside");
        Self { client, policy }
    }

    /// Sends `request`, following redirects as far as it says, and gives the head of the last answer.
    ///
    /// The caller bounds time (by dropping the future) and the size of what it reads.
    ///
    /// # Errors
    /// Whatever kept the answer from coming.
    pub async fn send(&self, mut request: Outgoing) -> Result<Response, NetError> {
        let redirects_max = request.redirects.min(REDIRECTS_MAX);
        let mut followed = 0;
        loop {
            let answer = self.send_once(&request).await?;
            if redirects_max == 0 || !redirect::is_redirect(&answer) {
                return Ok(answer);
            }
            if followed == redirects_max {
                let why = format!("more than {redirects_max} redirects");
                return Err(NetError::Redirect { from: shown(&request.url), why });
            }
            followed += 1;
            redirect::turn(&mut request, &answer)?;
        }
    }

    async fn send_once(&self, request: &Outgoing) -> Result<Response, NetError> {
        self.policy.check(&request.url)?;
        let host = authority(&request.url);
        let mut sent = self.client.request(request.method.clone(), request.url.clone()).headers(request.headers.clone());
        if let Some(bytes) = request.body.bytes() {
            sent = sent.header(CONTENT_LENGTH, bytes).body(request.body.open().await.map_err(NetError::Body)?);
        }
        sent.send().await.map_err(|error| NetError::from_reqwest(&error, &host))
    }
}

/// The next part of an answer's body, decompressed; none at its end.
///
/// # Errors
/// The connection broke, or the encoding of the body did.
pub async fn next_chunk(answer: &mut Response) -> Result<Option<Bytes>, NetError> {
    let host = authority(answer.url());
    answer.chunk().await.map_err(|error| NetError::from_reqwest(&error, &host))
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
