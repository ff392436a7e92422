//! A hook, ready to take requests: everything that can be worked out once per revision.

use std::net::IpAddr;
use std::sync::Arc;

use hookmill_engine::expression::{Scope, Template, Value};
use hookmill_engine::id::{HookId, WorkflowId, WorkspaceId};
use hookmill_engine::time::Timestamp;
use hookmill_engine::workflow::{AddressRange, Auth, Credential, Method, RateLimit, Trigger, WebhookTrigger, Yes};
use hookmill_signatures::Proof as Proven;
use hookmill_store::hook_states::{HookState, OffAnswer};
use hookmill_store::rates::Limited;
use hookmill_worker::Revision;
use http::header::HeaderValue;

use super::answer::Responder;
use super::cors::Cors;
use super::credentials::Credentials;
use super::dedupe::Deduper;
use super::product::Product;
use super::proof::Proof;
use super::redact::Redaction;
use super::scheme;

/// The label of a trigger that has none.
const DEFAULT_LABEL: &str = "webhook";

/// What requests to a URL are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The published revision is to run.
    Production,
    /// The draft is tested.
    Draft,
    /// The published revision is tested, for there is no draft. What holds for its senders holds here: whoever may call one
    /// URL knows the other.
    Rehearsal,
}

/// A hook, as it answers at a URL.
#[derive(Debug)]
pub(super) struct Hook {
    pub(super) place: Place,
    pub(super) purpose: Purpose,
    pub(super) state: HookState,
    /// What senders are told while it is off.
    pub(super) off_answer: OffAnswer,
    pub(super) workflow: WorkflowId,
    pub(super) revision: Arc<Revision>,
    /// Position of the trigger in the document.
    pub(super) trigger: u16,
    methods: Vec<http::Method>,
    /// The value of `Allow`.
    pub(super) allow: HeaderValue,
    /// Which web pages may call.
    pub(super) cors: Option<Cors>,
    pub(super) credentials: Credentials,
    /// What is known of the provider that calls.
    pub(super) proof: Option<Proof>,
    pub(super) deduper: Deduper,
    pub(super) rate_limit: Option<RateLimit>,
    /// If it is false, a request starts nothing.
    only_if: Option<Template>,
    /// Who may call, by address; empty: everyone.
    allow_ips: Vec<AddressRange>,
    pub(super) body_bytes_max: u64,
    pub(super) responder: Responder,
    /// The workflow has no steps and nobody waits for its end: a run is finished when it is stored.
    pub(super) done_when_stored: bool,
}

/// Where the ledger keeps what reached a hook.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) hook: HookId,
    pub(super) workspace: WorkspaceId,
    /// What the hook's requests are kept without.
    pub(super) redaction: Arc<Redaction>,
    /// Whose errors its senders understand.
    pub(super) product: Option<Product>,
}

impl Place {
    /// The place of a hook with this trigger.
    fn of(stored: &hookmill_store::hooks::Hook, trigger: &WebhookTrigger) -> Self {
        let product = trigger.preset.as_deref().and_then(Product::of);
        let redaction = Arc::new(Redaction::of(trigger, product));
        Self { hook: stored.id, workspace: stored.workspace, redaction, product }
    }

    /// The place of a hook of which nothing more is known.
    pub(super) fn of_unknown(stored: &hookmill_store::hooks::Hook) -> Self {
        let redaction = Arc::new(Redaction::of_unknown());
        Self { hook: stored.id, workspace: stored.workspace, redaction, product: None }
    }
}

/// What bodies may have, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyLimits {
    /// Unless the hook says otherwise.
    pub(super) default: u64,
    /// Whatever the hook says.
    pub(super) max: u64,
}

impl Hook {
    /// Prepares the trigger with the hook's label.
    ///
    /// # Errors
    /// Where its requests are kept, and a sentence for the owner, saying why the hook cannot take them.
    pub(super) fn prepare(
        stored: &hookmill_store::hooks::Hook,
        revision: Arc<Revision>,
        purpose: Purpose,
        limits: BodyLimits,
    ) -> Result<Self, (Place, String)> {
        let triggers = &revision.program.workflow().triggers;
        let Some(position) = position(&revision, &stored.label) else {
            return Err((Place::of_unknown(stored), format!("The published revision has no trigger `{}`.", stored.label)));
        };
        let Trigger::Webhook(trigger) = &triggers[position];
        let place = Place::of(stored, trigger);
        Self::at(place.clone(), stored, position, revision, purpose, limits).map_err(|why| (place, why))
    }

    fn at(
        place: Place,
        stored: &hookmill_store::hooks::Hook,
        position: usize,
        revision: Arc<Revision>,
        purpose: Purpose,
        limits: BodyLimits,
    ) -> Result<Self, String> {
        let Trigger::Webhook(trigger) = &revision.program.workflow().triggers[position];
        let product = place.product;
        let proof = Proof::of(trigger, scheme::of(trigger)?)?;
        let credentials = Credentials::new(trigger.auth.as_ref(), preset_credential(trigger))?;
        let responder = Responder::new(trigger.response.as_ref(), product, accepted_status(trigger))?;
        let only_if = trigger.only_if.as_deref().map(Template::compile_text).transpose();
        let only_if = only_if.map_err(|error| format!("The expression of `only_if` cannot be read: {error}."))?;
        let methods = methods(trigger);
        let mut allow: Vec<&str> = methods.iter().map(http::Method::as_str).collect();
        allow.extend(["HEAD", "OPTIONS"]);
        let allow = HeaderValue::from_str(&allow.join(", ")).expect("methods are header text");
        let tested = (purpose == Purpose::Draft).then_some(revision.number);
        Ok(Self {
            place,
            purpose,
            // A draft is tested while senders are kept waiting or away.
            state: if tested.is_some() { HookState::Active } else { stored.state },
            off_answer: stored.off_answer,
            workflow: stored.workflow,
            trigger: u16::try_from(position).map_err(|_| "The document has too many triggers.".to_owned())?,
            cors: Cors::of(trigger.cors.as_ref(), &methods),
            methods,
            allow,
            credentials,
            proof,
            deduper: Deduper::of(trigger, tested)?,
            only_if,
            rate_limit: trigger.rate_limit,
            allow_ips: trigger.allow_ips.clone(),
            body_bytes_max: trigger.body_bytes_max.unwrap_or(limits.default).min(limits.max),
            done_when_stored: revision.program.step_count() == 0 && responder.waits_for().is_none(),
            responder,
            revision,
        })
    }

    /// The trigger in the document.
    pub(super) fn trigger(&self) -> &WebhookTrigger {
        let Trigger::Webhook(trigger) = &self.revision.program.workflow().triggers[usize::from(self.trigger)];
        trigger
    }

    /// Whether this address may call.
    pub(super) fn lets_in(&self, address: IpAddr) -> bool {
        self.allow_ips.is_empty() || self.allow_ips.iter().any(|range| range.contains(address))
    }

    /// Whether a request is to start runs.
    ///
    /// # Errors
    /// A sentence for the owner: the expression gives no value for this request.
    pub(super) fn wants(&self, webhook: &Value, now: Timestamp, seed: u64) -> Result<bool, String> {
        let Some(only_if) = &self.only_if else { return Ok(true) };
        let scope = Scope::of(vec![("webhook".to_owned(), webhook.clone())], now, seed);
        only_if.eval(&scope).map(|value| value.is_true()).map_err(|error| error.to_string())
    }

    /// What its requests, and addresses with wrong credentials, are counted as.
    pub(super) fn limited(&self) -> Limited {
        match self.purpose {
            Purpose::Production | Purpose::Rehearsal => Limited::Hook(self.place.hook),
            Purpose::Draft => Limited::Test(self.place.hook),
        }
    }

    /// Whether its runs are to wait until it is resumed.
    pub(super) fn is_paused(&self) -> bool {
        self.state == HookState::Paused
    }

    pub(super) fn takes(&self, method: &http::Method) -> bool {
        self.methods.contains(method)
    }
}

/// What identifies a trigger over revisions.
pub(crate) fn label(trigger: &WebhookTrigger) -> &str {
    trigger.label.as_deref().unwrap_or(DEFAULT_LABEL)
}

/// What a preset asks of callers beside what the document says.
pub(crate) fn preset_credential(trigger: &WebhookTrigger) -> Option<Credential> {
    let preset = trigger.preset.as_deref()?;
    match (Product::of(preset), &trigger.secret) {
        (Some(product), Some(secret)) => product.credential(secret.clone()),
        // "Settings → Integration → Web → Copy API key": the key of the workspace. `auth: { any: [] }` asks for nothing.
        (Some(Product::Smartflow), None) if trigger.auth.is_none() => Some(Credential::ApiKey(Yes)),
        (Some(_), None) => None,
        (None, _) => {
            let is_proven = hookmill_signatures::preset(preset).is_some_and(|preset| preset.proof != Proven::Unproven);
            let named = trigger.auth.as_ref().is_some_and(Auth::names_signature);
            (is_proven && !named).then_some(Credential::Signature(Yes))
        }
    }
}

/// The signature that a trigger describes itself; `None` if it does not, or if its parts do not go together.
pub(crate) fn described_scheme(trigger: &WebhookTrigger) -> Option<hookmill_signatures::Scheme> {
    scheme::of(trigger).ok().flatten()
}

/// The status of what is accepted and answered before its run has ended: 202, unless the provider takes that for a failure.
pub(crate) fn accepted_status(trigger: &WebhookTrigger) -> http::StatusCode {
    let known = trigger.preset.as_deref().and_then(hookmill_signatures::preset);
    let success = known.map_or(&[][..], |preset| preset.success);
    let usual = success.first().filter(|_| !success.contains(&http::StatusCode::ACCEPTED.as_u16()));
    usual.and_then(|status| http::StatusCode::from_u16(*status).ok()).unwrap_or(http::StatusCode::ACCEPTED)
}

/// The webhook trigger of a revision with this label.
pub(crate) fn trigger<'a>(revision: &'a Revision, wanted: &str) -> Option<&'a WebhookTrigger> {
    let Trigger::Webhook(trigger) = revision.program.workflow().triggers.get(position(revision, wanted)?)?;
    Some(trigger)
}

fn position(revision: &Revision, wanted: &str) -> Option<usize> {
    revision.program.workflow().triggers.iter().position(|Trigger::Webhook(trigger)| label(trigger) == wanted)
}

/// The methods that a trigger takes, those of its product if it names none.
pub(crate) fn methods(trigger: &WebhookTrigger) -> Vec<http::Method> {
    if trigger.methods.is_empty() {
        let product = trigger.preset.as_deref().and_then(Product::of);
        return product.map_or_else(|| vec![http::Method::POST], Product::methods);
    }
    trigger
        .methods
        .iter()
        .map(|method| match method {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
            Method::Put => http::Method::PUT,
            Method::Patch => http::Method::PATCH,
            Method::Delete => http::Method::DELETE,
        })
        .collect()
}
