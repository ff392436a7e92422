//! Secrets that senders handed over in their handshakes: listed, confirmed, discarded.
//!
//! Who decides names the handshake that they looked at, so that nobody confirms what a stranger handed over since.

use std::fmt;
use std::str::FromStr;

use axum::Json;
use axum::extract::State;
use hookmill_engine::id::{DeliveryId, HookId, IdError};
use hookmill_engine::time::Timestamp;
use hookmill_engine::workflow::{Trigger, WebhookTrigger};
use hookmill_store::Error as StoreError;
use hookmill_store::hooks::{Hook, Listed};
use hookmill_store::pending_secrets::{Pending, PendingSecret};
use hookmill_store::secrets::{NewSecret, Secret};
use hookmill_store::workflows::Draft;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::checking::check_draft;
use super::extract::{Body, Query};
use super::hooks::Named;
use super::page::{self, PageOut};
use super::secrets;
use super::time::Time;
use crate::app::App;
use crate::ingress;
use crate::problem::{Problem, Result, code};
use crate::vault::{Binding, PENDING_VERSION, pending_name};

/// What follows the hook in a cursor if the secret came to its test URL.
const TEST_MARK: &str = ".test";

/// Which part of the list.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PendingQuery {
    /// Items of the page, 1 to 500.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// A secret that a sender handed over, without its value. A hook has one at most of those that came to its URL, and one of those
/// that came to its test URL: the newest.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct PendingSecretOut {
    #[schema(value_type = String)]
    hook: HookId,
    /// The delivery that it came with.
    #[schema(value_type = String)]
    handshake: DeliveryId,
    /// Whether it came to the test URL: then the names are those of the draft, if there is one.
    test: bool,
    received_at: Time,
    /// From where it came.
    address: String,
    /// How many were handed over since the last decision, this one included. More than one: somebody else sends some too, or
    /// the hook was registered more than once.
    times: u64,
}

impl From<Pending> for PendingSecretOut {
    fn from(pending: Pending) -> Self {
        let Pending { secret, times } = pending;
        let PendingSecret { hook, test, handshake, received_at, address, .. } = secret;
        Self { hook, handshake, test, received_at: received_at.into(), address, times }
    }
}

/// The last pending secret of a page: its hook, and whether it came to the test URL.
struct Cursor(HookId, bool);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.0, if self.1 { TEST_MARK } else { "" })
    }
}

impl FromStr for Cursor {
    type Err = IdError;

    fn from_str(text: &str) -> std::result::Result<Self, IdError> {
        let hook = text.strip_suffix(TEST_MARK);
        Ok(Self(hook.unwrap_or(text).parse()?, hook.is_some()))
    }
}

/// Which handshake is confirmed, and where its secret goes.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmIn {
    /// The handshake that was looked at; refused if another one came since.
    handshake: String,
    /// The name under which it is stored: one that the trigger's `secret` names. Without it the first of them that holds no
    /// live value.
    name: Option<String>,
    /// Whether it may take the place of a live value.
    #[serde(default)]
    replace: bool,
    /// Whether the answer shows the value, this once: Notion asks for it.
    #[serde(default)]
    show: bool,
}

/// Which handshake is forgotten.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DiscardIn {
    /// The handshake that was looked at; refused if another one came since.
    handshake: String,
}

/// A secret that was handed over, as it is stored now.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct ConfirmedOut {
    /// Its name, as documents use it.
    name: String,
    /// How often it was set.
    version: u32,
    /// The value, if it was asked for. It is not shown again.
    #[schema(value_type = Option<String>)]
    value: Option<Zeroizing<String>>,
}

/// Secrets that senders handed over and that wait for a decision, those of the newest hooks first.
#[utoipa::path(
    get, path = "/api/v1/pending-secrets", tag = "secrets", params(PendingQuery),
    responses((status = 200, body = PageOut<PendingSecretOut>))
)]
pub(super) async fn list_pending_secrets(
    State(app): State<App>,
    Query(query): Query<PendingQuery>,
) -> Result<Json<PageOut<PendingSecretOut>>> {
    let limit = page::limit(query.limit)?;
    let before = page::cursor(query.cursor.as_deref())?.map(|Cursor(hook, test)| (hook, test));
    let found = app.store.pending_secrets(app.workspace(), before, limit).await?;
    let next = found.get(limit - 1).map(|last| Cursor(last.secret.hook, last.secret.test).to_string());
    Ok(Json(PageOut { items: found.into_iter().map(PendingSecretOut::from).collect(), next }))
}

/// Stores what a handshake handed over as a secret that the hook's trigger names. Requests are compared with it at once.
#[utoipa::path(
    post, path = "/api/v1/hooks/{id}/pending-secret/confirm", tag = "secrets", params(("id" = String, Path)),
    request_body = ConfirmIn, responses((status = 200, body = ConfirmedOut))
)]
pub(super) async fn confirm_pending_secret(
    State(app): State<App>,
    Named(listed): Named,
    Body(confirm): Body<ConfirmIn>,
) -> Result<Json<ConfirmedOut>> {
    let id = listed.hook.id;
    let handshake: DeliveryId = confirm.handshake.parse()?;
    let mut pending = app.store.pending_secrets_of(id).await?.into_iter().map(|pending| pending.secret);
    let pending = pending.find(|pending| pending.handshake == handshake).ok_or_else(|| gone(id, handshake))?;
    let names = names_of(&app, &listed, pending.test).await?;
    let workspace = app.workspace();
    let sealed_as = pending_name(id, handshake);
    let value = app.vault.open(Binding { workspace, name: &sealed_as, version: PENDING_VERSION }, &pending.sealed)?;
    let stored = app.store.secrets(workspace).await?;
    let name = chosen(&names, &stored, &confirm, app.now())?;
    let version = secrets::next_version(&app, name).await?;
    let sealed = app.vault.seal(Binding { workspace, name, version }, &value)?;
    let key_id = app.vault.key_id();
    let secret = NewSecret { name, version, key_id: &key_id, sealed: sealed.into(), expires_at: None };
    app.store.confirm_pending_secret((id, handshake), workspace, secret, app.now()).await.map_err(|error| match error {
        StoreError::NotFound => gone(id, handshake),
        other => other.into(),
    })?;
    app.secrets.refresh(&app.store, &app.vault).await?;
    Ok(Json(ConfirmedOut { name: name.to_owned(), version, value: confirm.show.then_some(value) }))
}

/// Forgets what a handshake handed over.
#[utoipa::path(
    post, path = "/api/v1/hooks/{id}/pending-secret/discard", tag = "secrets", params(("id" = String, Path)),
    request_body = DiscardIn, responses((status = 204, description = "Forgotten"))
)]
pub(super) async fn discard_pending_secret(
    State(app): State<App>,
    Named(Listed { hook: Hook { id, .. }, .. }): Named,
    Body(discard): Body<DiscardIn>,
) -> Result<StatusCode> {
    let handshake: DeliveryId = discard.handshake.parse()?;
    app.store.discard_pending_secret(id, handshake).await.map_err(|error| match error {
        StoreError::NotFound => gone(id, handshake),
        other => other.into(),
    })?;
    Ok(StatusCode::NO_CONTENT)
}

fn gone(hook: HookId, handshake: DeliveryId) -> Problem {
    let detail = format!(
        "What {handshake} handed over to {hook} is not pending: it was decided about, or another handshake came since. \
         `GET /api/v1/pending-secrets` tells."
    );
    Problem::new(&code::NOT_FOUND, detail)
}

/// The names of secrets that the hook's trigger names; for what came to the test URL those of the draft, if there is one.
async fn names_of(app: &App, listed: &Listed, test: bool) -> Result<Vec<String>> {
    let draft = if test { app.store.draft(listed.hook.workflow).await? } else { None };
    let (which, trigger) = match draft {
        Some(draft) => ("draft", drafted(app, listed, draft).await?),
        None => ("published revision", published(app, listed).await?),
    };
    let names = trigger.as_ref().and_then(|trigger| trigger.secret.as_ref());
    let names: Vec<String> = names.iter().flat_map(|names| names.iter()).map(str::to_owned).collect();
    if names.is_empty() {
        let hook = listed.hook.id;
        let detail = format!("The {which} has no trigger for {hook} with a `secret`, so there is no name to store it under.");
        return Err(Problem::new(&code::CONFLICT, detail));
    }
    Ok(names)
}

/// The hook's trigger in the published revision.
async fn published(app: &App, listed: &Listed) -> Result<Option<WebhookTrigger>> {
    let Some(number) = listed.revision.filter(|_| listed.hook.active) else { return Ok(None) };
    let revision = app.worker.programs().get(listed.hook.workflow, number).await?;
    Ok(ingress::trigger(&revision, &listed.hook.label).cloned())
}

/// The hook's trigger in the draft.
async fn drafted(app: &App, listed: &Listed, draft: Draft) -> Result<Option<WebhookTrigger>> {
    let Some(document) = check_draft(app, draft.document, listed.workflow_name.clone()).await?.workflow else {
        let detail = format!(
            "The draft of {} is not valid, so it names no secret; `hookmill draft show` tells what is wrong with it.",
            listed.hook.workflow
        );
        return Err(Problem::new(&code::CONFLICT, detail));
    };
    let triggers = document.triggers.into_iter().map(|Trigger::Webhook(trigger)| *trigger);
    Ok(triggers.into_iter().find(|trigger| ingress::label(trigger) == listed.hook.label))
}

/// The name under which the secret is stored: nothing that callers are compared with is replaced unasked.
fn chosen<'n>(names: &'n [String], stored: &[Secret], wanted: &ConfirmIn, now: Timestamp) -> Result<&'n str> {
    let is_live = |name: &str| stored.iter().any(|one| one.name == name && one.expires_at.is_none_or(|at| at > now));
    let listed = || names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let name = match &wanted.name {
        Some(wanted) => names.iter().find(|name| *name == wanted).ok_or_else(|| {
            Problem::new(&code::INVALID, format!("The hook's trigger does not name `{wanted}`; its `secret` names {}.", listed()))
        })?,
        None => match names {
            [only] => only,
            _ => names.iter().find(|name| !is_live(name)).unwrap_or(&names[0]),
        },
    };
    let is_unnamed_among_many = wanted.name.is_none() && names.len() > 1;
    if is_live(name) && (!wanted.replace || is_unnamed_among_many) {
        let detail = format!(
            "Requests are compared with a value of {} already. Let the trigger's `secret` name one more and confirm again, or \
             say with `name` and `replace` which value ends.",
            if wanted.name.is_some() { format!("`{name}`") } else { listed() }
        );
        return Err(Problem::new(&code::CONFLICT, detail));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const NOW: Timestamp = Timestamp(1_000);

    fn stored(name: &str, expires_at: Option<i64>) -> Secret {
        let (created_at, updated_at) = (Timestamp(0), Timestamp(0));
        let (name, key_id, expires_at) = (name.into(), "k".into(), expires_at.map(Timestamp));
        Secret { name, version: 1, key_id, sealed: Bytes::new(), created_at, updated_at, expires_at }
    }

    #[test]
    fn a_cursor_is_read_as_it_was_given() {
        for cursor in [Cursor(HookId(7), false), Cursor(HookId(i64::MAX), true)] {
            let read: Cursor = cursor.to_string().parse().unwrap();
            assert_eq!((read.0, read.1), (cursor.0, cursor.1), "{cursor}");
        }
        for wrong in ["", ".test", "hook_", "dlv_7.test", "x.test.test"] {
            assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_callers_are_compared_with_is_replaced_only_when_named() {
        let (a, ended) = (stored("a", None), stored("b", Some(1_000)));
        for (names, stored, name, replace, expected) in [
            (&["a"][..], &[][..], None, false, Some("a")),
            (&["a", "b"], &[], None, false, Some("a")),
            (&["a", "b"], std::slice::from_ref(&a), None, false, Some("b")),
            (&["a", "b"], &[a.clone(), ended.clone()], None, false, Some("b")),
            (&["a", "b"], &[a.clone(), ended], Some("a"), false, None),
            (&["a"], std::slice::from_ref(&a), None, false, None),
            (&["a"], std::slice::from_ref(&a), None, true, Some("a")),
            (&["a", "b"], &[a.clone(), stored("b", None)], None, true, None),
            (&["a", "b"], &[a.clone(), stored("b", Some(1_001))], Some("b"), true, Some("b")),
            (&["a"], &[], Some("c"), true, None),
        ] {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let wanted = ConfirmIn { handshake: String::new(), name: name.map(str::to_owned), replace, show: false };
            let found = chosen(&names, stored, &wanted, NOW);
            assert_eq!(found.as_ref().ok().copied(), expected, "{names:?} {stored:?} {name:?} {replace}: {found:?}");
        }
    }
}
