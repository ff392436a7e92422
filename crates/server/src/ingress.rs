//! The door: from a webhook's bytes to a delivery and a run on disk, and to an answer.
//!
//! One request: find the hook, check method and credentials, read the body once, parse it, store delivery and run in
//! one batch, hand the run to the worker, answer. Nothing is answered with 2xx before it is on disk, and what is refused
//! is kept in the hook's ledger with its reason.
//!
//! Every error of this path becomes a `Refused` with one of the codes in [`Code`].

mod absent;
mod accept;
mod answer;
mod arrival;
mod budget;
mod certificates;
mod code;
mod cors;
mod credentials;
mod dedupe;
mod diagnosis;
mod duplicate;
mod explain;
mod freshness;
mod gate;
mod handed_over;
mod hook;
mod hooks;
mod keys;
mod listening;
mod meters;
mod outside;
pub(crate) mod product;
mod proof;
mod rates;
mod reading;
mod redact;
mod refused;
mod scheme;
mod split;
mod target;

use std::collections::hash_map::RandomState;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use hookmill_engine::id::DeliveryId;
use hookmill_store::Store;
use hookmill_store::deliveries::{Facts, NewDelivery, Outcome};
use hookmill_store::hook_states::HookState;
use hookmill_store::ids::Clock;
use hookmill_worker::{Witness, Worker};
use http::header::ALLOW;
use http::{Method, Request, Response, StatusCode};
use ipnet::IpNet;

pub use answer::{ANSWER_HEADERS_MAX, DEADLINE_MAX};
pub(crate) use answer::{DEADLINE, written};
pub use code::Code;
pub use cors::ASKED_HEADERS_MAX;
pub use dedupe::{KEY_BYTES_MAX, WINDOW_MAX};
pub use duplicate::DUPLICATE;
pub(crate) use hook::{accepted_status, described_scheme, label, methods, preset_credential, trigger};
pub use hooks::{HOOKS_BYTES_MAX, NOTHING_BYTES_MAX, PARAMETERS_BYTES_MAX, REMEMBERED_BYTES_MAX};
pub use outside::{Fetched, Network, Outside};
pub use product::alias;
pub use rates::{FAILING_MAX, OVERFLOWING_MAX, WINDOWS_MAX};
pub use redact::REDACTED;
pub(crate) use refused::{PROBLEM_TYPE, problem};
pub(crate) use scheme::encoding;
pub use target::Target;

use crate::config::{Intake, Size};
use crate::listen::Inbound;
use crate::vault::{LiveSecrets, Vault};
use arrival::Arrival;
use cors::Cors;
use gate::Proving;
use hook::{BodyLimits, Hook, Place};
use hooks::{Found, Hooks};
use keys::HookKeys;
use listening::Listeners;
use meters::Meters;
use product::Product;
use proof::Told;
use rates::Rates;
use reading::{keep_body, unreadable};
use refused::{Refused, Result};

/// What a path begins with that leads to a hook.
pub const PREFIX: &str = "/hooks/";

/// What the door needs.
pub struct Parts {
    /// Where deliveries and runs are kept.
    pub store: Store,
    /// Who executes runs.
    pub worker: Worker,
    /// Opens the secrets with which callers are compared.
    pub secrets: Arc<LiveSecrets>,
    /// Seals the secrets that senders hand over.
    pub vault: Arc<Vault>,
    /// What the URLs of hooks begin with, without a slash at the end.
    pub public_url: String,
    /// The time.
    pub clock: Clock,
    /// A body's size, unless its hook says otherwise.
    pub body_default: Size,
    /// A body's size, whatever its hook says.
    pub body_max: Size,
    /// Reverse proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Fetches certificates of providers, and confirms subscriptions.
    pub outside: Arc<dyn Outside>,
    /// How much is taken in.
    pub intake: Intake,
}

/// What the door tells the worker of stored deliveries.
pub const WITNESS: Witness = Witness { facts: proof::facts_of, keys: dedupe::keys_of };

/// Takes webhooks. Clones share it.
#[derive(Clone)]
pub struct Ingress(Arc<Inner>);

struct Inner {
    store: Store,
    worker: Worker,
    secrets: Arc<LiveSecrets>,
    vault: Arc<Vault>,
    public_url: String,
    clock: Clock,
    trusted_proxies: Vec<IpNet>,
    hooks: Arc<Hooks>,
    listeners: Listeners,
    rates: Rates,
    keys: HookKeys,
    meters: Meters,
    /// What seeds are made from: a keyed function of the run's id.
    seeds: RandomState,
    proving: Proving,
}

impl Ingress {
    /// Opens the door.
    #[must_use]
    pub fn start(parts: Parts) -> Self {
        let Parts { store, worker, secrets, vault, public_url, clock, trusted_proxies, outside, intake, .. } = parts;
        let limits = BodyLimits { default: parts.body_default.0, max: parts.body_max.0 };
        let hooks = Arc::new(Hooks::new(store.clone(), worker.programs().clone(), limits));
        let (listeners, meters, seeds) = (Listeners::new(store.clone()), Meters::new(), RandomState::new());
        let rates = Rates::new(&store, intake);
        let (proving, keys) = (Proving::new(outside), HookKeys::new(store.clone()));
        Self(Arc::new(Inner {
            store,
            worker,
            secrets,
            vault,
            public_url,
            clock,
            trusted_proxies,
            hooks,
            keys,
            rates,
            listeners,
            meters,
            seeds,
            proving,
        }))
    }

    /// Whether a path is the door's.
    #[must_use]
    pub fn is_for(path: &str) -> bool {
        path.starts_with(PREFIX) || product::PREFIXES.iter().any(|prefix| path.starts_with(prefix))
    }

    /// Takes one webhook.
    pub async fn handle(&self, request: Request<Inbound>, peer: SocketAddr) -> Response<Body> {
        let inner = &*self.0;
        let (head, body) = request.into_parts();
        let arrival = Arrival::new(head, peer, &inner.trusted_proxies, (inner.clock)());
        let found = match inner.hooks.find(arrival.head.uri.path(), arrival.received_at).await {
            Ok(found) => found,
            Err(refused) => {
                let known = refused.place.as_ref().and_then(|place| place.product);
                let product = known.or_else(|| Product::at(arrival.head.uri.path()));
                return inner.refuse(&arrival, *Box::pin(keep_body(refused, body)).await, product);
            }
        };
        let mut response = match inner.receive(&arrival, &found, body).await {
            Ok(response) => response,
            Err(refused) => {
                if matches!(refused.code, Code::Unauthorized | Code::BadSignature | Code::AddressNotAllowed) {
                    inner.rates.failed(&found.hook, arrival.address, arrival.received_at);
                }
                inner.refuse(&arrival, *refused, found.hook.place.product)
            }
        };
        if let Some(cors) = &found.hook.cors {
            cors.mark(&arrival.head.headers, &mut response);
        }
        response
    }
}

impl Inner {
    async fn receive(&self, arrival: &Arrival, found: &Found, body: Inbound) -> Result<Response<Body>> {
        let hook = &found.hook;
        if hook.state == HookState::Off {
            return Err(Box::pin(keep_body(Refused::hook_off(hook), body)).await);
        }
        self.rates.check_failing(hook, arrival.address, arrival.received_at)?;
        if !hook.lets_in(arrival.address) {
            return Err(Box::pin(keep_body(Refused::address_not_allowed(hook, arrival.address), body)).await);
        }
        let listener = self.listeners.of(hook.place.hook, arrival).await?;
        if !hook.takes(&arrival.head.method) {
            if let Some(answer) = self.handshake(arrival, hook).await? {
                return Ok(answer);
            }
            match arrival.head.method {
                Method::HEAD | Method::OPTIONS => return Ok(about(hook, arrival)),
                _ if listener.is_some() => {}
                _ => return Err(Box::pin(keep_body(Refused::method_not_allowed(hook, &arrival.head.method), body)).await),
            }
        }
        if !hook.credentials.needs_body
            && let Err(refused) = self.let_in(arrival, hook, &[], false).await
        {
            return Err(Box::pin(keep_body(refused, body)).await);
        }
        let body = body.read(hook.body_bytes_max).await.map_err(|error| unreadable(&error).at(hook.place.clone()))?;
        let mut told = Told::default();
        let examined = match &hook.proof {
            None if hook.credentials.needs_body => self.let_in(arrival, hook, &body, false).await.map(|()| None),
            None => Ok(None),
            Some(proof) => self.prove(arrival, hook, proof, &body, &mut told).await,
        };
        if let Some(handshake) = examined.map_err(|refused| refused.body(body.clone()))? {
            return Ok(handshake);
        }
        if let Some(listener) = listener
            && let Some(answer) = Box::pin(self.capture(arrival, found, &body, &told, listener)).await?
        {
            return Ok(answer);
        }
        self.admit(arrival, found, body, told).await
    }

    /// Takes a request whose sender may call, unless too much comes or waits.
    async fn admit(&self, arrival: &Arrival, found: &Found, body: Bytes, told: Told) -> Result<Response<Body>> {
        let hook = &found.hook;
        let full = match hook.is_paused() {
            true => self.worker.holds_all_it_may().then_some("held_runs_max"),
            false => self.worker.is_full().then_some("backlog_runs_max"),
        };
        if let Some(limit) = full {
            return Err(self.rates.overflowed(hook, limit, arrival.received_at).body(body));
        }
        let standing = self.rates.take(hook, arrival.received_at).await.map_err(|refused| refused.body(body.clone()))?;
        let mut response = self.accept(arrival, found, body, told).await?;
        if let Some(standing) = standing {
            standing.tell(response.headers_mut());
        }
        Ok(response)
    }

    /// A request for the ledger, under a new id and with no body yet.
    fn delivery(&self, arrival: &Arrival, place: &Place, outcome: Outcome, status: u16) -> NewDelivery {
        NewDelivery {
            id: DeliveryId(self.store.next_id()),
            workspace: place.workspace,
            hook: place.hook,
            outcome,
            status,
            reason: None,
            detail: None,
            method: arrival.head.method.as_str().to_owned(),
            path_and_query: arrival.target(&place.redaction.query(arrival.query())),
            headers: place.redaction.headers(&arrival.head.headers),
            address: arrival.address.to_string(),
            received_at: arrival.received_at,
            body: Bytes::new(),
            duration_us: arrival.took_us(),
            facts: Facts::default(),
        }
    }

    /// `product`: whose errors the sender understands.
    fn refuse(&self, arrival: &Arrival, mut refused: Refused, product: Option<Product>) -> Response<Body> {
        self.meters.refused(arrival, refused.code);
        let delivery = refused.place.clone().filter(|_| refused.kept).map(|place| {
            let kept = self.delivery(
                arrival,
                &place,
                Outcome::Refused,
                product.map_or(refused.code.status(), |product| product.status(refused.code)),
            );
            let id = kept.id;
            let (reason, detail) = (Some(refused.code.name().to_owned()), refused.ledger_detail());
            let body = place.redaction.body(&kept.headers, refused.body.clone());
            let kept = NewDelivery { reason, body, ..kept };
            match refused.case.take() {
                None => self.store.refuse(NewDelivery { detail: Some(detail), ..kept }),
                Some(case) => explain(self.store.clone(), *case, kept, detail),
            }
            id.to_string()
        });
        refused.answer(product, delivery)
    }
}

/// What a question about the hook is answered: it starts nothing and is not kept.
fn about(hook: &Hook, arrival: &Arrival) -> Response<Body> {
    let (method, headers) = (&arrival.head.method, &arrival.head.headers);
    let status = if *method == Method::OPTIONS { StatusCode::NO_CONTENT } else { StatusCode::OK };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(ALLOW, hook.allow.clone());
    if let Some(cors) = &hook.cors
        && Cors::is_preflight(method, headers)
    {
        cors.permit(headers, &mut response);
    }
    response
}

/// Keeps a request whose signature was wrong, with what explains it, behind the back of its sender.
fn explain(store: Store, case: diagnosis::Case, kept: NewDelivery, detail: String) {
    tokio::task::spawn_blocking(move || {
        let detail = case.explain().map_or_else(|| detail.clone(), |explanation| format!("{detail} {explanation}"));
        store.refuse(NewDelivery { detail: Some(detail), ..kept });
    });
}
