//! Ready calls of a hook.

use axum::extract::State;
use axum::{Extension, Json};
use hookmill_engine::id::HookId;
use serde::{Deserialize, Serialize};

use super::auth::Caller;
use super::extract::{Path, Query};
use super::sender_docs::{published, sample, site, trigger_of};
use crate::app::App;
use crate::problem::{Problem, Result, code};
use crate::sender_docs::snippets::{self, Snippet};
use crate::sender_docs::{Audience, Described};

/// Which calls.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SnippetsQuery {
    /// Only this language: `curl`, `fetch`, `axios`, `python`, `php` or `go`.
    lang: Option<String>,
}

/// Ready calls of a hook.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SnippetsOut {
    #[schema(value_type = String)]
    hook: HookId,
    items: Vec<Snippet>,
}

/// Programs that call a hook, in several languages. Secrets are taken from environment variables.
#[utoipa::path(
    get, path = "/api/v1/hooks/{id}/snippets", tag = "hooks", params(("id" = String, Path), SnippetsQuery),
    responses((status = 200, body = SnippetsOut))
)]
pub(super) async fn get_snippets(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<HookId>,
    Query(query): Query<SnippetsQuery>,
) -> Result<Json<SnippetsOut>> {
    if let Some(lang) = query.lang.as_deref().filter(|lang| !snippets::languages().any(|known| known == *lang)) {
        let known: Vec<&str> = snippets::languages().collect();
        let shown: String = lang.chars().take(40).collect();
        return Err(Problem::bad_request(format!("There are no calls in `{shown}`; there are {}.", known.join(", "))));
    }
    let own = |hook: &hookmill_store::hooks::Hook| hook.workspace == caller.0.workspace;
    let hook = app.store.hook(id).await?.filter(own).ok_or_else(|| Problem::not_found("hook", id))?;
    let workspace = app.store.workspace_by_id(hook.workspace).await?.ok_or_else(|| Problem::not_found("hook", id))?;
    let workflow = published(&app.store, hook.workflow).await?;
    let found = workflow.as_ref().and_then(|workflow| Some((workflow, trigger_of(workflow, &hook.label)?)));
    let Some((workflow, trigger)) = found.filter(|_| hook.active) else {
        return Err(Problem::new(&code::CONFLICT, "The published revision has no trigger for this hook: nobody can call it."));
    };
    let sample = sample(&app.store, id).await?;
    let described = Described {
        hook: &hook,
        trigger,
        workflow: &workflow.name,
        sample: sample.as_ref(),
        has_lane: workflow.settings.lane.is_some(),
        site: site(&app, &workspace),
    };
    let mut items = snippets::of(&described, Audience::Members);
    items.retain(|snippet| query.lang.as_deref().is_none_or(|lang| lang == snippet.lang));
    Ok(Json(SnippetsOut { hook: id, items }))
}
