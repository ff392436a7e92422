//! Workflows: listed with their revisions and hooks, exported, started by hand.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hookmill_engine::id::{HookId, WorkflowId};
use hookmill_engine::workflow;
use hookmill_store::hooks::Hook;
use hookmill_store::workflows::Workflow;
use hookmill_worker::Error as WorkerError;
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::extract::{OptionalBody, Path, Path2, Query};
use super::page::{self, PageOut};
use super::runs::{RevisionIn, StartedOut};
use super::time::Time;
use crate::app::App;
use crate::problem::{Problem, Result, code, sentence};

/// A hook with its URLs.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct HookOut {
    #[schema(value_type = String)]
    id: HookId,
    /// The label of its trigger.
    label: String,
    /// The unguessable URL. Whoever knows it can call the hook unless the trigger asks for more.
    url: String,
    /// The URL at which the draft answers, or what is published if there is none: the same checks, and real effects.
    test_url: String,
    /// The URL of the trigger's own path.
    path_url: Option<String>,
    /// The URL in the form of the product whose receiver the hook stands in for.
    product_url: Option<String>,
}

/// A workflow.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct WorkflowOut {
    #[schema(value_type = String)]
    id: WorkflowId,
    name: String,
    /// The published revision; null if it was never published.
    revision: Option<u32>,
    created_at: Time,
    /// When it was published last.
    updated_at: Time,
    /// When its draft was saved last; null if it has none.
    drafted_at: Option<Time>,
}

/// A workflow with its hooks.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct WorkflowDetailOut {
    #[serde(flatten)]
    workflow: WorkflowOut,
    hooks: Vec<HookOut>,
}

/// A revision in a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RevisionOut {
    revision: u32,
    /// Who published it, or wrote the draft.
    author: String,
    created_at: Time,
    /// False: a draft that was tried at a test URL.
    published: bool,
}

/// A revision with its document.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DocumentOut {
    #[schema(value_type = String)]
    workflow: WorkflowId,
    revision: u32,
    /// The canonical text.
    text: String,
}

/// Which part of a list.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PageQuery {
    /// Items of the page, 1 to 500.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// How a document is written.
#[derive(Clone, Copy, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Spelling {
    #[default]
    Yaml,
    Json,
}

/// What is exported, and how.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ExportQuery {
    /// `yaml` (default) or `json`.
    #[param(inline)]
    format: Spelling,
    /// Which revision; the published one if absent.
    revision: Option<u32>,
}

/// How a run by hand begins.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartIn {
    /// What stands where a request's JSON body would.
    input: Option<Value>,
    /// Which revision; the published one if absent.
    revision: Option<u32>,
}

impl From<Workflow> for WorkflowOut {
    fn from(workflow: Workflow) -> Self {
        Self {
            id: workflow.id,
            name: workflow.name,
            revision: workflow.revision,
            created_at: workflow.created_at.into(),
            updated_at: workflow.updated_at.into(),
            drafted_at: workflow.drafted_at.map(Time),
        }
    }
}

impl HookOut {
    pub(super) fn new(app: &App, hook: Hook) -> Self {
        let product_url = hook.alias.as_deref().map(|alias| format!("{}{alias}", app.public_url));
        let path_url = hook.path.as_deref().map(|path| app.path_url(path));
        let (url, test_url) = (app.token_url(&hook.token), app.test_url(&hook.token));
        Self { id: hook.id, label: hook.label, url, test_url, path_url, product_url }
    }
}

/// Workflows, by name.
#[utoipa::path(
    get, path = "/api/v1/workflows", tag = "workflows", params(PageQuery),
    responses((status = 200, body = PageOut<WorkflowOut>))
)]
pub(super) async fn list_workflows(State(app): State<App>, Query(query): Query<PageQuery>) -> Result<Json<PageOut<WorkflowOut>>> {
    let limit = page::limit(query.limit)?;
    let after = query.cursor.unwrap_or_default();
    let workflows = app.store.workflows(app.workspace(), &after, limit).await?;
    let next = workflows.get(limit - 1).map(|last| last.name.clone());
    Ok(Json(PageOut { items: workflows.into_iter().map(WorkflowOut::from).collect(), next }))
}

pub(super) async fn find(app: &App, id: WorkflowId) -> Result<Workflow> {
    let own = |workflow: &Workflow| workflow.workspace == app.workspace();
    app.store.workflow(id).await?.filter(own).ok_or_else(|| Problem::not_found("workflow", id))
}

/// A workflow with its hooks.
#[utoipa::path(
    get, path = "/api/v1/workflows/{id}", tag = "workflows", params(("id" = String, Path)),
    responses((status = 200, body = WorkflowDetailOut))
)]
pub(super) async fn get_workflow(State(app): State<App>, Path(id): Path<WorkflowId>) -> Result<Json<WorkflowDetailOut>> {
    let workflow = find(&app, id).await?.into();
    let hooks = app.store.hooks_of(id).await?.into_iter().filter(|hook| hook.active);
    Ok(Json(WorkflowDetailOut { workflow, hooks: hooks.map(|hook| HookOut::new(&app, hook)).collect() }))
}

/// Revisions of a workflow, newest first; also drafts that were tried.
#[utoipa::path(
    get, path = "/api/v1/workflows/{id}/revisions", tag = "workflows", params(("id" = String, Path), PageQuery),
    responses((status = 200, body = PageOut<RevisionOut>))
)]
pub(super) async fn list_revisions(
    State(app): State<App>,
    Path(id): Path<WorkflowId>,
    Query(query): Query<PageQuery>,
) -> Result<Json<PageOut<RevisionOut>>> {
    let limit = page::limit(query.limit)?;
    let workflow = find(&app, id).await?;
    let revisions = app.store.revisions(workflow.id, page::cursor(query.cursor.as_deref())?, limit).await?;
    let next = revisions.get(limit - 1).map(|last| last.revision.to_string());
    let items = revisions.into_iter().map(|revision| RevisionOut {
        revision: revision.revision,
        author: revision.author,
        created_at: revision.created_at.into(),
        published: revision.published,
    });
    Ok(Json(PageOut { items: items.collect(), next }))
}

async fn document(app: &App, workflow: &Workflow, revision: u32) -> Result<String> {
    let text = app.store.document(workflow.id, revision).await?;
    text.ok_or_else(|| match (1..=workflow.last_revision).contains(&revision) {
        // Published ones stay, and no number is given twice.
        true => Problem::new(&code::NOT_FOUND, sentence(&WorkerError::DraftGone(revision).to_string())),
        false => Problem::not_found("revision", revision),
    })
}

/// A revision with its document.
#[utoipa::path(
    get, path = "/api/v1/workflows/{id}/revisions/{revision}", tag = "workflows",
    params(("id" = String, Path), ("revision" = u32, Path)), responses((status = 200, body = DocumentOut))
)]
pub(super) async fn get_revision(
    State(app): State<App>,
    Path2(id, revision): Path2<WorkflowId, u32>,
) -> Result<Json<DocumentOut>> {
    let workflow = find(&app, id).await?;
    Ok(Json(DocumentOut { workflow: id, revision, text: document(&app, &workflow, revision).await? }))
}

/// The document as a file: canonical text, the same for the same document.
#[utoipa::path(
    get, path = "/api/v1/workflows/{id}/export", tag = "workflows", params(("id" = String, Path), ExportQuery),
    responses((status = 200, content_type = "application/yaml", body = String))
)]
pub(super) async fn export_workflow(
    State(app): State<App>,
    Path(id): Path<WorkflowId>,
    Query(query): Query<ExportQuery>,
) -> Result<Response> {
    let stored = find(&app, id).await?;
    let never = || Problem::new(&code::CONFLICT, "The workflow was never published; its draft is at `draft`.");
    let revision = query.revision.or(stored.revision).ok_or_else(never)?;
    let text = document(&app, &stored, revision).await?;
    Ok(match query.format {
        Spelling::Yaml => ([(header::CONTENT_TYPE, "application/yaml; charset=utf-8")], text).into_response(),
        Spelling::Json => {
            let parsed = workflow::read(&text)
                .map_err(|_| Problem::new(&code::CORRUPT, "The stored document cannot be read; `hookmill verify` tells more."))?;
            ([(header::CONTENT_TYPE, "application/json")], workflow::to_json(&parsed)).into_response()
        }
    })
}

/// Starts a workflow by hand.
#[utoipa::path(
    post, path = "/api/v1/workflows/{id}/runs", tag = "workflows", params(("id" = String, Path)),
    request_body = Option<StartIn>, responses((status = 202, body = StartedOut))
)]
pub(super) async fn start_run(
    State(app): State<App>,
    Path(id): Path<WorkflowId>,
    OptionalBody(start): OptionalBody<StartIn>,
) -> Result<(StatusCode, Json<StartedOut>)> {
    let input = start.input.unwrap_or_else(|| Value::Object(serde_json::Map::new())).to_string();
    let which = RevisionIn::numbered(start.revision).which()?;
    let run_id = app.worker.start_by_hand(id, which, input).await?;
    Ok((StatusCode::ACCEPTED, Json(StartedOut { run_id })))
}
