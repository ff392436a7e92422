//! Listening for a sample: the next request that may call is captured, answered 200, and starts nothing.
//!
//! Whether anybody listens is a set that is read once for each version of the catalog, so that hooks nobody listens to
//! cost two looks at a number. Address, credentials and signatures are checked as always: a sample is a request that
//! would have been let in. Methods, variables and everything after them are not, for they are what the sample is for.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::Body;
use bytes::Bytes;
use hookmill_engine::id::HookId;
use hookmill_engine::request::Request as Sent;
use hookmill_engine::sample;
use hookmill_engine::time::Timestamp;
use hookmill_engine::workflow::PresetInfo;
use hookmill_store::Store;
use hookmill_store::deliveries::{NewDelivery, Outcome};
use http::{Method, Response, StatusCode};
use parking_lot::RwLock;
use tokio::sync::Mutex;

use super::Inner;
use super::answer::{JSON, secured};
use super::arrival::Arrival;
use super::hook::Hook;
use super::hooks::Found;
use super::proof::Told;
use super::refused::{Refused, Result};

/// Older than every version of the catalog.
const NEVER: i64 = i64::MIN;

/// Somebody who waits for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listener {
    /// Which listening of the hook it is.
    number: i64,
    deadline: Timestamp,
}

/// Who listens, as far as this node knows. One who does not any more may still be here; the store decides.
pub(super) struct Listeners {
    store: Store,
    /// The version of the catalog as of which `hooks` was read.
    version: AtomicI64,
    /// When the last of them stops waiting.
    until: AtomicI64,
    hooks: RwLock<HashMap<HookId, Listener>>,
    loading: Mutex<()>,
}

impl Listeners {
    pub(super) fn new(store: Store) -> Self {
        let (version, until) = (AtomicI64::new(NEVER), AtomicI64::new(NEVER));
        Self { store, version, until, hooks: RwLock::default(), loading: Mutex::default() }
    }

    /// Who waits for this request, if anybody does.
    pub(super) async fn of(&self, hook: HookId, arrival: &Arrival) -> Result<Option<Listener>> {
        if self.version.load(Ordering::Acquire) != self.store.watch().catalog() {
            self.load(arrival.received_at).await?;
        }
        if arrival.received_at.0 >= self.until.load(Ordering::Acquire) {
            return Ok(None);
        }
        let listener = self.hooks.read().get(&hook).copied();
        let taken = matches!(arrival.head.method, Method::GET | Method::POST);
        Ok(listener.filter(|listener| taken && arrival.received_at < listener.deadline))
    }

    async fn load(&self, now: Timestamp) -> Result<()> {
        let _one_at_a_time = self.loading.lock().await;
        let version = self.store.watch().catalog();
        if self.version.load(Ordering::Acquire) == version {
            return Ok(());
        }
        let armed = self.store.armed(now).await.map_err(|error| Refused::store(&error))?;
        let armed = armed.into_iter().map(|one| (one.hook, Listener { number: one.number, deadline: one.deadline }));
        let mut hooks = self.hooks.write();
        *hooks = armed.collect();
        self.tell(&hooks);
        self.version.store(version, Ordering::Release);
        Ok(())
    }

    /// Forgets one who got what it waited for, or stopped.
    fn forget(&self, hook: HookId, listener: Listener) {
        let mut hooks = self.hooks.write();
        if hooks.get(&hook) == Some(&listener) {
            hooks.remove(&hook);
        }
        self.tell(&hooks);
    }

    fn tell(&self, hooks: &HashMap<HookId, Listener>) {
        let until = hooks.values().map(|listener| listener.deadline.0).max();
        self.until.store(until.unwrap_or(NEVER), Ordering::Release);
    }
}

impl Inner {
    /// Gives a request to whoever listens. `None`: another request was faster, or nobody listens any more, and this one
    /// goes its usual way.
    pub(super) async fn capture(
        &self,
        arrival: &Arrival,
        found: &Found,
        body: &Bytes,
        told: &Told,
        listener: Listener,
    ) -> Result<Option<Response<Body>>> {
        let hook = &*found.hook;
        let status = StatusCode::OK;
        let mut delivery = self.delivery(arrival, &hook.place, Outcome::Captured, status.as_u16());
        (delivery.body, delivery.facts) = (body.clone(), told.facts.clone());
        readable(&delivery, &found.parameters, hook.trigger().preset_info())
            .map_err(|refused| refused.at(hook.place.clone()).body(body.clone()))?;
        delivery.body = hook.place.redaction.body(&delivery.headers, delivery.body);
        let answer = format!(r#"{{"delivery_id":"{}","captured":true}}"#, delivery.id);
        let captured = self.store.capture(delivery, arrival.received_at).await.map_err(|error| Refused::store(&error))?;
        self.listeners.forget(hook.place.hook, listener);
        if captured {
            self.meters.count(arrival, Outcome::Captured);
            return Ok(Some(secured(status, JSON, Bytes::from(answer))));
        }
        Self::as_usual(arrival, hook).map_err(|refused| refused.body(body.clone()))?;
        Ok(None)
    }

    /// A method that only a listener takes is refused when there is none any more.
    fn as_usual(arrival: &Arrival, hook: &Hook) -> Result<()> {
        let method = &arrival.head.method;
        if hook.takes(method) { Ok(()) } else { Err(Refused::method_not_allowed(hook, method)) }
    }
}

/// Refuses what cannot be a sample because nobody can read it; the listener goes on waiting.
fn readable(delivery: &NewDelivery, parameters: &[(String, String)], preset: Option<&PresetInfo>) -> Result<()> {
    let sent = Sent {
        method: &delivery.method,
        path_params: parameters,
        query: delivery.path_and_query.split_once('?').map_or("", |(_, query)| query),
        headers: &delivery.headers,
        body: &delivery.body,
        event: None,
        address: &delivery.address,
        received_at: delivery.received_at,
        delivery: delivery.id,
    };
    sample::infer_request(&sent, preset).map(drop).map_err(|refusal| Refused::request(&refusal))
}
