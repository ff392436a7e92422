//! Hooks: listed, found by whatever is known of their URLs, shown with what they take.

use std::borrow::Cow;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hookmill_engine::id::{HookId, WorkflowId};
use hookmill_engine::workflow::WebhookTrigger;
use hookmill_store::hooks::{Hook, Listed};
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use super::extract::{Path, Query};
use super::page::{self, PageOut};
use super::rotation::{OldUrlOut, old_urls};
use super::sender::SenderOut;
use super::time::Time;
use super::workflows::HookOut;
use crate::app::App;
use crate::ingress::{self, Target};
use crate::problem::{Problem, Result};

/// Longest text that is searched for.
const SEARCH_BYTES_MAX: usize = 4_096;
/// What the paths of hooks begin with, in every style.
const BEGINNINGS: [&str; 5] = ["/hooks/", "/webhooks/", "/api/webhook/", "/v1/flows/", "/workflow/hooks"];

/// Which hooks.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HooksQuery {
    /// Those of one workflow.
    workflow: Option<String>,
    /// The one that this leads to: a URL as it was pasted (with host and query or without), a path, a token, an own path,
    /// the id in the URL of another product, or the id of a hook.
    search: Option<String>,
    /// Items of the page, 1 to 500.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// A hook in a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct HookSummaryOut {
    #[serde(flatten)]
    hook: HookOut,
    #[schema(value_type = String)]
    workflow: WorkflowId,
    workflow_name: String,
    /// The published revision of the workflow; null if it was never published.
    revision: Option<u32>,
    /// `active`, `paused` or `off`; `draft` if only a draft has had its trigger so far, `removed` if the published revision
    /// has it no more.
    state: &'static str,
    created_at: Time,
}

/// A hook.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct HookDetailOut {
    #[serde(flatten)]
    hook: HookSummaryOut,
    /// What its trigger says of itself.
    description: Option<String>,
    /// The provider or product that calls.
    preset: Option<String>,
    /// What is known of the provider; null without a provider's preset.
    sender: Option<SenderOut>,
    /// The methods that it takes.
    methods: Vec<String>,
    /// URLs that it had before, the last first.
    old_urls: Vec<OldUrlOut>,
}

impl HookSummaryOut {
    pub(super) fn new(app: &App, listed: Listed) -> Self {
        let Listed { hook, workflow_name, revision } = listed;
        Self {
            workflow: hook.workflow,
            workflow_name,
            revision,
            state: state(&hook),
            created_at: hook.created_at.into(),
            hook: HookOut::new(app, hook),
        }
    }
}

fn state(hook: &Hook) -> &'static str {
    match (hook.active, hook.proposed) {
        (true, _) => hook.state.as_str(),
        (false, true) => "draft",
        (false, false) => "removed",
    }
}

/// Hooks, newest first.
#[utoipa::path(
    get, path = "/api/v1/hooks", tag = "hooks", params(HooksQuery), responses((status = 200, body = PageOut<HookSummaryOut>))
)]
pub(super) async fn list_hooks(State(app): State<App>, Query(query): Query<HooksQuery>) -> Result<Json<PageOut<HookSummaryOut>>> {
    let limit = page::limit(query.limit)?;
    let workflow: Option<WorkflowId> = query.workflow.as_deref().map(str::parse).transpose()?;
    let (found, next) = match &query.search {
        Some(text) => {
            let found = search(&app, text).await?.filter(|listed| workflow.is_none_or(|wanted| listed.hook.workflow == wanted));
            (found.into_iter().collect(), None)
        }
        None => {
            let before = query.cursor.as_deref().map(str::parse).transpose()?;
            let page = app.store.hooks(app.workspace(), workflow, before, limit).await?;
            let next = page.get(limit - 1).map(|last| last.hook.id.to_string());
            (page, next)
        }
    };
    Ok(Json(PageOut { items: found.into_iter().map(|listed| HookSummaryOut::new(&app, listed)).collect(), next }))
}

/// A hook.
#[utoipa::path(
    get, path = "/api/v1/hooks/{id}", tag = "hooks", params(("id" = String, Path)), responses((status = 200, body = HookDetailOut))
)]
pub(super) async fn get_hook(State(app): State<App>, Named(listed): Named) -> Result<Json<HookDetailOut>> {
    let trigger = trigger(&app, &listed).await;
    Ok(Json(HookDetailOut {
        old_urls: old_urls(&app, listed.hook.id).await?,
        description: trigger.as_ref().and_then(|trigger| trigger.description.clone()),
        preset: trigger.as_ref().and_then(|trigger| trigger.preset.clone()),
        sender: trigger.as_ref().and_then(SenderOut::of),
        methods: trigger.iter().flat_map(ingress::methods).map(|method| method.to_string()).collect(),
        hook: HookSummaryOut::new(&app, listed),
    }))
}

/// The hook of the caller's workspace that the path names.
pub(super) struct Named(pub(super) Listed);

impl FromRequestParts<App> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let Path(id) = Path::<HookId>::from_request_parts(parts, app).await?;
        find(app, id).await.map(Self)
    }
}

/// The trigger of a hook, if the published revision has one.
pub(super) async fn trigger(app: &App, listed: &Listed) -> Option<WebhookTrigger> {
    let published = listed.revision.filter(|_| listed.hook.active)?;
    let revision = app.worker.programs().get(listed.hook.workflow, published).await;
    revision.ok().and_then(|revision| ingress::trigger(&revision, &listed.hook.label).cloned())
}

/// A hook of the caller's workspace.
pub(super) async fn find(app: &App, id: HookId) -> Result<Listed> {
    found(app, id).await?.ok_or_else(|| Problem::not_found("hook", id))
}

/// The hook that a text leads to, whatever part of its URL it is.
async fn search(app: &App, text: &str) -> Result<Option<Listed>> {
    let text = text.trim();
    if text.is_empty() || text.len() > SEARCH_BYTES_MAX {
        return Err(Problem::bad_request(format!("`search` has 1 to {SEARCH_BYTES_MAX} bytes.")));
    }
    if let Ok(id) = text.parse() {
        return found(app, id).await;
    }
    for path in readings(text, hookmill_store::workspaces::FIRST_SLUG) {
        if let Some(hook) = at(app, &path).await? {
            return found(app, hook.id).await;
        }
    }
    Ok(None)
}

async fn found(app: &App, id: HookId) -> Result<Option<Listed>> {
    let listed = app.store.listed_hook(id).await?;
    Ok(listed.filter(|listed| listed.hook.workspace == app.workspace()))
}

/// The hook at a path, switched off or not.
async fn at(app: &App, path: &str) -> Result<Option<Hook>> {
    let store = &app.store;
    let answering = match Target::of(path) {
        Target::Token(token) | Target::Test(token) => match store.hook_by_token(token).await? {
            Some(found) => Some(found),
            None => store.hook_by_old_token(token).await?.map(|(found, _)| found),
        },
        Target::Alias(path) => store.hook_by_alias(path).await?,
        Target::Path { workspace, segments } => {
            let Some(workspace) = store.workspace(workspace).await? else { return Ok(None) };
            let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
            let masks = store.path_masks(workspace.id).await?;
            store.hook_by_path(workspace.id, &masks, &segments).await?.map(|(answering, _)| answering)
        }
        Target::Nowhere => None,
    };
    Ok(answering.map(|answering| answering.hook))
}

/// What a text may mean as the path of a hook, the likeliest first. `slug`: the workspace of bare paths.
fn readings(text: &str, slug: &str) -> Vec<String> {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let without_host = match text.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |at| &rest[at..]),
        None => text,
    };
    let mut readings = Vec::new();
    // With a host but no scheme, the path begins where one of the styles does.
    let starts = BEGINNINGS.iter().filter_map(|beginning| without_host.find(beginning));
    if let Some(start) = starts.min() {
        readings.push(without_host[start..].to_owned());
    }
    let bare = without_host.trim_matches('/');
    readings.push(format!("/{bare}"));
    if !bare.is_empty() {
        readings.extend([format!("/hooks/{bare}"), format!("/hooks/{slug}/{bare}")]);
        // The id that stands in the URL of another product.
        let decoded: Cow<'_, str> = percent_decode_str(bare).decode_utf8_lossy();
        let coded = BASE64_STANDARD.encode(decoded.as_bytes());
        readings.extend([
            format!("/webhooks/{bare}"),
            format!("/api/webhook/{bare}"),
            format!("/api/webhook/{slug}/{bare}"),
            format!("/v1/flows/{bare}/{slug}/call"),
            format!("/workflow/hooks/{bare}"),
            format!("/workflow/hooks/{coded}"),
        ]);
    }
    readings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_as_every_part_of_a_url_that_it_can_be() {
        for (text, reading) in [
            ("https://hooks.example:8443/hooks/abc?key=1#x", "/hooks/abc"),
            ("hooks.example/hooks/main/orders/7", "/hooks/main/orders/7"),
            ("proxy.example/prefix/webhooks/w1", "/webhooks/w1"),
            ("/hooks/abc", "/hooks/abc"),
            ("hooks/abc", "/hooks/abc"),
            ("abc", "/hooks/abc"),
            ("orders/7", "/hooks/main/orders/7"),
            ("main/orders/7", "/hooks/main/orders/7"),
            ("flw_1", "/v1/flows/flw_1/main/call"),
            ("0123456789abcdef01234567", "/workflow/hooks/MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"),
            ("https://hooks.example", "/"),
            ("https://", "/"),
        ] {
            let readings = readings(text, "main");
            assert!(readings.iter().any(|path| path == reading), "{text}: {readings:?}");
        }
    }
}
