//! Workspaces and their settings.

use axum::extract::State;
use axum::{Extension, Json};
use hookmill_engine::id::WorkspaceId;
use hookmill_store::workspaces::Workspace;
use serde::{Deserialize, Serialize};

use super::auth::Caller;
use super::extract::{Body, Path};
use super::page::PageOut;
use super::time::Time;
use crate::app::App;
use crate::problem::{Problem, Result};

/// A workspace.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct WorkspaceOut {
    #[schema(value_type = String)]
    id: WorkspaceId,
    /// What it is called in URLs.
    slug: String,
    name: String,
    created_at: Time,
    /// Whether everyone may read the documentation for the senders of its hooks.
    public_docs: bool,
    /// Where that documentation is.
    docs_url: String,
}

/// What is to be changed of a workspace.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WorkspacePatch {
    /// Whether everyone may read the documentation for the senders of its hooks.
    public_docs: Option<bool>,
}

impl WorkspaceOut {
    fn new(app: &App, workspace: Workspace) -> Self {
        let Workspace { id, slug, name, created_at, public_docs } = workspace;
        let docs_url = format!("{}/docs/{slug}", app.public_url);
        Self { id, slug, name, created_at: created_at.into(), public_docs, docs_url }
    }
}

/// The workspace of an id or a slug.
pub(super) async fn find(app: &App, which: &str) -> Result<Option<Workspace>> {
    Ok(match which.parse::<WorkspaceId>() {
        Ok(id) => app.store.workspace_by_id(id).await?,
        Err(_) => app.store.workspace(which).await?,
    })
}

/// The workspace of an id or a slug, if it is the caller's.
pub(super) async fn find_own(app: &App, caller: &Caller, which: &str) -> Result<Workspace> {
    let own = find(app, which).await?.filter(|workspace| workspace.id == caller.0.workspace);
    own.ok_or_else(|| Problem::not_found("workspace", which.chars().take(40).collect::<String>()))
}

/// The workspaces that the key is for.
#[utoipa::path(get, path = "/api/v1/workspaces", tag = "workspaces", responses((status = 200, body = PageOut<WorkspaceOut>)))]
pub(super) async fn list_workspaces(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<PageOut<WorkspaceOut>>> {
    let own = app.store.workspace_by_id(caller.0.workspace).await?;
    Ok(Json(PageOut { items: own.into_iter().map(|workspace| WorkspaceOut::new(&app, workspace)).collect(), next: None }))
}

/// A workspace, by its id or its slug.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{id}", tag = "workspaces", params(("id" = String, Path)),
    responses((status = 200, body = WorkspaceOut))
)]
pub(super) async fn get_workspace(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Json<WorkspaceOut>> {
    let workspace = find_own(&app, &caller, &id).await?;
    Ok(Json(WorkspaceOut::new(&app, workspace)))
}

/// Changes settings of a workspace; those that are absent stay as they are.
#[utoipa::path(
    patch, path = "/api/v1/workspaces/{id}", tag = "workspaces", params(("id" = String, Path)), request_body = WorkspacePatch,
    responses((status = 200, body = WorkspaceOut))
)]
pub(super) async fn patch_workspace(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Body(patch): Body<WorkspacePatch>,
) -> Result<Json<WorkspaceOut>> {
    let mut workspace = find_own(&app, &caller, &id).await?;
    if let Some(public) = patch.public_docs {
        app.store.set_public_docs(workspace.id, public).await?;
        workspace.public_docs = public;
    }
    Ok(Json(WorkspaceOut::new(&app, workspace)))
}
