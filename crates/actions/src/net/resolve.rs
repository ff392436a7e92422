//! Names to addresses, checked in the same moment: the connection goes to exactly the addresses that passed.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::error::{Refusal, Unresolved};
use super::policy::NetPolicy;

/// Finds the addresses of a name. A port other than 0 in an answer is used unless the URL names one.
#[async_trait]
pub trait Lookup: Send + Sync + 'static {
    /// The addresses of `host`.
    async fn lookup(&self, host: &str) -> io::Result<Vec<SocketAddr>>;
}

/// The system's resolver.
pub struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, host: &str) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.collect())
    }
}

/// The resolver given to the HTTP client. It is asked once per connection, and the client sees only what passed.
pub(super) struct CheckedResolver {
    pub(super) policy: Arc<NetPolicy>,
    pub(super) lookup: Arc<dyn Lookup>,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, lookup) = (Arc::clone(&self.policy), Arc::clone(&self.lookup));
        Box::pin(async move {
            let host = name.as_str();
            match checked(&policy, lookup.as_ref(), host).await {
                Ok(addresses) => Ok(Box::new(addresses.into_iter()) as Addrs),
                Err(unresolved) => Err(Box::new(Refusal(unresolved)) as Box<dyn std::error::Error + Send + Sync>),
            }
        })
    }
}

async fn checked(policy: &NetPolicy, lookup: &dyn Lookup, host: &str) -> Result<Vec<SocketAddr>, Unresolved> {
    let failed = |why: String| Unresolved::Failed { host: host.to_owned(), why };
    let found = lookup.lookup(host).await.map_err(|error| failed(error.to_string()))?;
    let first = *found.first().ok_or_else(|| failed("it has no address".to_owned()))?;
    let allowed: Vec<SocketAddr> = found.into_iter().filter(|found| policy.allows(Some(host), found.ip())).collect();
    if allowed.is_empty() {
        return Err(Unresolved::NotAllowed { host: host.to_owned(), address: first.ip() });
    }
    Ok(allowed)
}
