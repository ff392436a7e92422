//! The documentation for the senders of a workspace's hooks.
//!
//! Holders of a key of the workspace may always read it; everyone else, as far as it is for them, once the workspace's
//! owner has made it public. A workspace that is not public and one that does not exist look the same from outside.

use axum::extract::State;
use axum::{Extension, Json};
use hookmill_engine::id::{HookId, WorkflowId};
use hookmill_engine::workflow::{self, Trigger, Workflow};
use hookmill_store::Store;
use hookmill_store::hook_states::HookState;
use hookmill_store::hooks::Hook;
use hookmill_store::workspaces::Workspace;
use serde::Deserialize;
use serde_json::Value;

use super::auth::{self, Caller};
use super::extract::{Path, Query};
use super::workspaces;
use crate::app::App;
use crate::problem::{Problem, Result};
use crate::sender_docs::{Audience, Described, Document, Site};

/// Hooks that are looked at for one page, whether they are told or not.
const HOOKS_READ_MAX: usize = 2_000;

/// Which hooks are described.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DescriptionQuery {
    /// Only hooks of this workflow, by id or name.
    workflow: Option<String>,
    /// `x-hookmill-next` of the page before.
    cursor: Option<String>,
}

/// The description of a workspace's active hooks for their senders (OpenAPI 3.1).
///
/// Needs no key if the workspace's documentation is public; without one it tells only URLs that are no secrets.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{id}/openapi.json", tag = "workspaces",
    params(("id" = String, Path, description = "Id or slug"), DescriptionQuery),
    responses((status = 200, content_type = "application/json"))
)]
pub(super) async fn get_description(
    State(app): State<App>,
    caller: Option<Extension<Caller>>,
    Path(id): Path<String>,
    Query(query): Query<DescriptionQuery>,
) -> Result<Json<Value>> {
    let (workspace, audience) = readable(&app, caller.map(|Extension(caller)| caller), &id).await?;
    let after = query.cursor.as_deref().map(str::parse::<HookId>).transpose()?;
    let workflow = match query.workflow.as_deref() {
        None => None,
        Some(which) => Some(find_workflow(&app, &workspace, which).await?),
    };
    let _one_of_few = app.descriptions.acquire().await.expect("nobody closes it");
    let mut pages = Pages { app: &app, workspace: &workspace, workflow, known: None, audience };
    pages.describe(after).await.map(Json)
}

/// The workspace, and as whom the caller reads.
async fn readable(app: &App, caller: Option<Caller>, which: &str) -> Result<(Workspace, Audience)> {
    let found = workspaces::find(app, which).await?;
    let is_member = |workspace: &Workspace| caller.as_ref().is_some_and(|caller| caller.0.workspace == workspace.id);
    match found {
        Some(workspace) if is_member(&workspace) => Ok((workspace, Audience::Members)),
        Some(workspace) if workspace.public_docs => Ok((workspace, Audience::Everyone)),
        _ if caller.is_none() => Err(auth::key_wanted()),
        _ => Err(Problem::not_found("workspace", which.chars().take(40).collect::<String>())),
    }
}

async fn find_workflow(app: &App, workspace: &Workspace, which: &str) -> Result<WorkflowId> {
    let found = match which.parse::<WorkflowId>() {
        Ok(id) => app.store.workflow(id).await?.filter(|workflow| workflow.workspace == workspace.id),
        Err(_) => app.store.workflow_by_name(workspace.id, which).await?,
    };
    let shown = || which.chars().take(40).collect::<String>();
    found.map(|workflow| workflow.id).ok_or_else(|| Problem::not_found("workflow", shown()))
}

/// Where hooks are, as far as the server knows.
pub(super) fn site<'a>(app: &'a App, workspace: &'a Workspace) -> Site<'a> {
    let server = &app.config.server;
    Site {
        public_url: &app.public_url,
        slug: &workspace.slug,
        body_default: server.hook_body_default.0,
        body_max: server.hook_body_max.0,
    }
}

/// The published document of a workflow; none if it cannot be read by this version.
pub(super) async fn published(store: &Store, id: WorkflowId) -> Result<Option<Workflow>> {
    let Some(stored) = store.workflow(id).await? else { return Ok(None) };
    let Some(published) = stored.revision else { return Ok(None) };
    let document = store.document(id, published).await?;
    Ok(document.and_then(|text| workflow::read(&text).ok()))
}

/// Reads hooks one after the other.
struct Pages<'a> {
    app: &'a App,
    workspace: &'a Workspace,
    workflow: Option<WorkflowId>,
    /// The document of the last hook: those of one workflow mostly follow each other.
    known: Option<(WorkflowId, Option<Workflow>)>,
    audience: Audience,
}

impl Pages<'_> {
    async fn describe(&mut self, mut after: Option<HookId>) -> Result<Value> {
        let mut document = Document::new(self.audience);
        let mut looked_at = 0;
        let next = 'pages: loop {
            let (hooks, is_last) = self.hooks(after).await?;
            for hook in hooks {
                if !document.has_room() || looked_at == HOOKS_READ_MAX {
                    break 'pages after.map(|id| id.to_string());
                }
                looked_at += 1;
                after = Some(hook.id);
                if hook.workspace == self.workspace.id
                    && hook.state != HookState::Off
                    && (self.audience == Audience::Members || has_public_url(&hook))
                {
                    self.add(&mut document, &hook).await?;
                }
            }
            if is_last {
                break None;
            }
        };
        Ok(document.finish(&self.workspace.name, &self.app.public_url, next))
    }

    /// Active hooks after a given one, and whether there are no more.
    async fn hooks(&self, after: Option<HookId>) -> Result<(Vec<Hook>, bool)> {
        let store = &self.app.store;
        let Some(workflow) = self.workflow else {
            let hooks = store.active_hooks(after).await?;
            let is_last = hooks.len() < Store::hooks_page_max();
            return Ok((hooks, is_last));
        };
        let mut hooks = store.hooks_of(workflow).await?;
        hooks.retain(|hook| hook.active && after.is_none_or(|after| hook.id > after));
        Ok((hooks, true))
    }

    async fn add(&mut self, document: &mut Document, hook: &Hook) -> Result<()> {
        if self.known.as_ref().is_none_or(|(id, _)| *id != hook.workflow) {
            self.known = Some((hook.workflow, published(&self.app.store, hook.workflow).await?));
        }
        let Some((_, Some(workflow))) = &self.known else { return Ok(()) };
        if let Some(trigger) = trigger_of(workflow, &hook.label) {
            let sample = if self.audience == Audience::Members { sample(&self.app.store, hook.id).await? } else { None };
            document.add(&Described {
                hook,
                trigger,
                workflow: &workflow.name,
                sample: sample.as_ref(),
                has_lane: workflow.settings.lane.is_some(),
                site: site(self.app, self.workspace),
            });
        }
        Ok(())
    }
}

/// The body of a hook's sample, if it has one that is JSON.
pub(super) async fn sample(store: &Store, hook: HookId) -> Result<Option<Value>> {
    let sample = store.sample(hook).await?;
    Ok(sample.and_then(|sample| serde_json::from_slice(&sample.body).ok()))
}

fn has_public_url(hook: &Hook) -> bool {
    hook.path.is_some() || hook.alias.is_some()
}

/// The trigger with a hook's label.
pub(super) fn trigger_of<'w>(workflow: &'w Workflow, label: &str) -> Option<&'w workflow::WebhookTrigger> {
    let triggers = workflow.triggers.iter().map(|Trigger::Webhook(trigger)| &**trigger);
    triggers.into_iter().find(|trigger| crate::ingress::label(trigger) == label)
}
