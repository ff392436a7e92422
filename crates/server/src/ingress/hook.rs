//! A hook, ready to take requests: everything that can be worked out once per revision.

use std::sync::Arc;

use hookmill_engine::id::{HookId, WorkflowId, WorkspaceId};
use hookmill_engine::workflow::{Auth, Credential, Method, Trigger, WebhookTrigger};
use hookmill_worker::Revision;
use http::header::HeaderValue;

use super::answer::Responder;
use super::credentials::Credentials;

/// The label of a trigger that has none.
const DEFAULT_LABEL: &str = "webhook";

/// A hook of a published revision.
#[derive(Debug)]
pub(super) struct Hook {
    pub(super) place: Place,
    pub(super) workflow: WorkflowId,
    pub(super) revision: Arc<Revision>,
    /// Position of the trigger in the document.
    pub(super) trigger: u16,
    methods: Vec<http::Method>,
    /// The value of `Allow`.
    pub(super) allow: HeaderValue,
    pub(super) credentials: Credentials,
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
    /// Lower-case names of headers that the hook declares as credentials.
    pub(super) secret_headers: Arc<[Box<str>]>,
}

impl Place {
    /// The place of a hook of which nothing more is known.
    pub(super) fn of(stored: &hookmill_store::hooks::Hook) -> Self {
        Self { hook: stored.id, workspace: stored.workspace, secret_headers: Arc::new([]) }
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
    /// A sentence for the owner, saying why the hook cannot take requests.
    pub(super) fn prepare(
        stored: &hookmill_store::hooks::Hook,
        revision: Arc<Revision>,
        limits: BodyLimits,
    ) -> Result<Self, String> {
        let triggers = &revision.program.workflow().triggers;
        let position = triggers.iter().position(|Trigger::Webhook(trigger)| label(trigger) == stored.label);
        let position = position.ok_or_else(|| format!("The published revision has no trigger `{}`.", stored.label))?;
        let Trigger::Webhook(trigger) = &triggers[position];
        if let Some(what) = unchecked(trigger) {
            return Err(format!("This server cannot check {what}, so that nobody is let in."));
        }
        let credentials = Credentials::new(trigger.auth.as_ref());
        let responder = Responder::new(trigger.response.as_ref())?;
        let methods = methods(trigger);
        let mut allow: Vec<&str> = methods.iter().map(http::Method::as_str).collect();
        allow.extend(["HEAD", "OPTIONS"]);
        let allow = HeaderValue::from_str(&allow.join(", ")).expect("methods are header text");
        Ok(Self {
            place: Place { hook: stored.id, workspace: stored.workspace, secret_headers: credentials.headers.clone().into() },
            workflow: stored.workflow,
            trigger: u16::try_from(position).map_err(|_| "The document has too many triggers.".to_owned())?,
            methods,
            allow,
            credentials,
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

    pub(super) fn takes(&self, method: &http::Method) -> bool {
        self.methods.contains(method)
    }
}

fn label(trigger: &WebhookTrigger) -> &str {
    trigger.label.as_deref().unwrap_or(DEFAULT_LABEL)
}

/// What the trigger asks of its callers and nobody here can check.
fn unchecked(trigger: &WebhookTrigger) -> Option<&'static str> {
    let is_plain = |credential: &Credential| {
        matches!(credential, Credential::SharedKey(_) | Credential::Bearer(_) | Credential::Header { .. })
    };
    match &trigger.auth {
        _ if trigger.preset.is_some() => Some("its preset"),
        _ if !trigger.allow_ips.is_empty() => Some("addresses"),
        Some(Auth::All(_)) => Some("several credentials at once"),
        Some(Auth::Any(credentials)) if !credentials.iter().all(is_plain) => Some("one of its credentials"),
        Some(Auth::Any(_)) | None => None,
    }
}

fn methods(trigger: &WebhookTrigger) -> Vec<http::Method> {
    if trigger.methods.is_empty() {
        return vec![http::Method::POST];
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
