//! Certificates of providers that name one with each request: fetched once, kept, and asked for by nobody twice at a time.
//!
//! A sender chooses the address, within what its preset allows. So good certificates and failures are kept apart, that
//! nobody can push a good one out with addresses that lead nowhere, and how much is fetched has limits of its own.

use std::collections::HashMap;
use std::sync::Arc;

use hookmill_engine::time::{Span, Timestamp};
use hookmill_signatures::CertificateSource;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::budget::Budget;
use super::outside::Outside;

/// How many certificates are kept.
pub(super) const CERTIFICATES_MAX: usize = 256;
/// How long a certificate is kept before it is fetched anew.
pub(super) const CERTIFICATE_KEPT: Span = Span(24 * 3600 * 1_000);
/// How long a failure is remembered before it is tried again.
pub(super) const FAILURE_KEPT: Span = Span(20 * 1_000);
/// The largest certificate, with the chain that comes with it.
pub(super) const CERTIFICATE_BYTES_MAX: usize = 64 * 1024;
/// How many are fetched at a time.
pub(super) const FETCHES_AT_ONCE_MAX: usize = 8;
/// How many are fetched in a minute for all hooks together; each hook has [`HOOK_FETCHES_MAX`] of its own.
pub(super) const FETCHES_MAX: u16 = 120;
/// How many certificates and confirmations one hook's senders can make the server ask for in a minute.
pub(super) const HOOK_FETCHES_MAX: u16 = 10;

type Outcome = Result<Arc<str>, Arc<str>>;

/// The certificates that are known.
pub(super) struct Certificates {
    outside: Arc<dyn Outside>,
    known: Arc<Mutex<Known>>,
    fetches: Budget,
}

#[derive(Default)]
struct Known {
    good: HashMap<String, Kept<Arc<str>>>,
    failed: HashMap<String, Kept<Arc<str>>>,
    fetching: HashMap<String, watch::Receiver<Option<Outcome>>>,
}

struct Kept<T> {
    what: T,
    until: Timestamp,
    used: Timestamp,
}

/// The budget of one hook.
pub(super) const fn hook_budget() -> Budget {
    Budget::new(HOOK_FETCHES_MAX, 60_000)
}

impl Certificates {
    pub(super) fn new(outside: Arc<dyn Outside>) -> Self {
        Self { outside, known: Arc::default(), fetches: Budget::new(FETCHES_MAX, 60_000) }
    }

    /// The certificate at a URL that the provider's preset allows, as PEM. Waits only for its own.
    ///
    /// # Errors
    /// A sentence for the owner: why it cannot be had at the moment.
    pub(super) async fn get(&self, source: &CertificateSource, hook: &Budget, now: Timestamp) -> Result<Arc<str>, String> {
        let url = source.url.as_str();
        let mut told = match self.look(source, hook, now)? {
            Ok(certificate) => return Ok(certificate),
            Err(told) => told,
        };
        let outcome = told.wait_for(Option::is_some).await.map(|outcome| outcome.clone());
        match outcome.ok().flatten() {
            Some(Ok(certificate)) => Ok(certificate),
            Some(Err(why)) => Err(failed(url, &why)),
            None => Err(failed(url, "the server is stopping")),
        }
    }

    /// What is known of a URL; `Ok(Err(_))` is told when the fetching ends that is under way or begins now.
    fn look(
        &self,
        source: &CertificateSource,
        hook: &Budget,
        now: Timestamp,
    ) -> Result<Result<Arc<str>, watch::Receiver<Option<Outcome>>>, String> {
        let url = source.url.as_str();
        let mut known = self.known.lock();
        if let Some(kept) = known.good.get_mut(url).filter(|kept| kept.until > now) {
            kept.used = now;
            return Ok(Ok(Arc::clone(&kept.what)));
        }
        if let Some(kept) = known.failed.get(url).filter(|kept| kept.until > now) {
            return Err(failed(url, &kept.what));
        }
        if let Some(told) = known.fetching.get(url) {
            return Ok(Err(told.clone()));
        }
        if known.fetching.len() >= FETCHES_AT_ONCE_MAX || !hook.take(now) || !self.fetches.take(now) {
            return Err(format!(
                "Too many certificates are being asked for; that at {url} was not fetched. Pin the sender's certificate with \
                 `certificate` if this stays."
            ));
        }
        let (tell, told) = watch::channel(None);
        known.fetching.insert(url.to_owned(), told.clone());
        drop(known);
        let (known, wanted) = (Arc::clone(&self.known), self.outside.get(url, CERTIFICATE_BYTES_MAX));
        let (outside, source) = (Arc::clone(&self.outside), source.clone());
        // Apart from the request: a sender that hangs up does not undo it for the others.
        tokio::spawn(async move {
            let outcome = match wanted.await {
                Ok(body) => readable(&body, &source, &*outside, now).await,
                Err(why) => Err(why),
            };
            let outcome = outcome.map_err(Arc::from);
            known.lock().keep(source.url, &outcome, now);
            tell.send_replace(Some(outcome));
        });
        Ok(Err(told))
    }
}

async fn readable(body: &[u8], source: &CertificateSource, outside: &dyn Outside, now: Timestamp) -> Result<Arc<str>, String> {
    let pem = std::str::from_utf8(body).map_err(|_| "what came is not text".to_owned())?;
    let roots = outside.roots().await;
    source.check(pem, &roots, now.0).map_err(|why| format!("what came is not a certificate that can be used: {why}"))?;
    Ok(pem.into())
}

fn failed(url: &str, why: &str) -> String {
    format!("The sender's certificate could not be had from {url}: {why}.")
}

impl Known {
    fn keep(&mut self, url: String, outcome: &Outcome, now: Timestamp) {
        self.fetching.remove(&url);
        let (place, what, kept_for) = match outcome {
            Ok(certificate) => (&mut self.good, certificate, CERTIFICATE_KEPT),
            Err(why) => (&mut self.failed, why, FAILURE_KEPT),
        };
        place.retain(|_, kept| kept.until > now);
        if place.len() >= CERTIFICATES_MAX
            && let Some(oldest) = place.iter().min_by_key(|(_, kept)| kept.used).map(|(url, _)| url.clone())
        {
            place.remove(&oldest);
        }
        place.insert(url, Kept { what: Arc::clone(what), until: now.plus(kept_for), used: now });
    }
}

#[cfg(test)]
mod tests;
