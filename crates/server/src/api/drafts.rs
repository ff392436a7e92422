//! Drafts: saved whatever is wrong with them, looked at, thrown away, published.

use axum::extract::State;
use axum::{Extension, Json};
use hookmill_engine::id::WorkflowId;
use hookmill_engine::workflow;
use hookmill_store::hooks::Hook;
use hookmill_store::workflows::{Draft, Dropped, NewDraft, Workflow};
use hookmill_worker::Checked;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::auth::Caller;
use super::checking::{check_draft, wanted_hooks};
use super::extract::{Body, Path};
use super::publishing::{DocumentIn, FaultOut, PublishedOut, faults_out, publish};
use super::time::Time;
use super::workflows::{HookOut, find};
use crate::app::App;
use crate::problem::{Problem, Result, code};

/// The draft of a workflow that may not exist yet.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamedDraftIn {
    /// The document as YAML or JSON text, valid or not.
    text: String,
    /// The name of the workflow; what the document says if absent.
    name: Option<String>,
}

/// What is known of a draft beside its text.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SavedDraftOut {
    #[schema(value_type = String)]
    workflow: WorkflowId,
    name: String,
    /// Whether it can be published as it is.
    publishable: bool,
    /// Everything that is wrong with it, and what looks wrong.
    problems: Vec<FaultOut>,
    /// The hooks of its triggers, with the URLs at which it answers; if it is not valid, those that the workflow has.
    hooks: Vec<HookOut>,
}

/// A draft.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct DraftOut {
    #[serde(flatten)]
    about: SavedDraftOut,
    /// The text as it was saved.
    text: String,
    /// Who saved it.
    author: String,
    updated_at: Time,
    /// The revision as which it was tried at a test URL.
    revision: Option<u32>,
}

impl SavedDraftOut {
    fn new(app: &App, workflow: WorkflowId, name: String, checked: Checked, hooks: Vec<Hook>) -> Self {
        let shown: Vec<Hook> = match &checked.workflow {
            None => hooks.into_iter().filter(|hook| hook.active || hook.proposed).collect(),
            Some(document) => {
                let of = |label: String| hooks.iter().find(|hook| hook.label == label).cloned();
                wanted_hooks(document).into_iter().filter_map(|wanted| of(wanted.label)).collect()
            }
        };
        Self {
            workflow,
            name,
            publishable: checked.workflow.is_some(),
            problems: faults_out(checked.problems),
            hooks: shown.into_iter().map(|hook| HookOut::new(app, hook)).collect(),
        }
    }
}

async fn save(app: &App, caller: &Caller, name: String, text: String) -> Result<Json<SavedDraftOut>> {
    let mut checked = check_draft(app, text.clone(), name.clone()).await?;
    let wanted = checked.workflow.as_ref().map(wanted_hooks).unwrap_or_default();
    let draft = NewDraft {
        workspace: app.workspace(),
        name: name.clone(),
        document: text,
        author: caller.author(),
        labels: wanted.into_iter().map(|hook| hook.label).collect(),
    };
    let saved = app.store.save_draft(&draft, app.now()).await?;
    checked.problems.extend(saved.unhooked.map(|why| workflow::Problem::warning("triggers", "too_many_hooks", why)));
    Ok(Json(SavedDraftOut::new(app, saved.workflow, name, checked, saved.hooks)))
}

/// Saves a draft under the name of its workflow, which is made if it does not exist. Nothing is published.
#[utoipa::path(
    post, path = "/api/v1/workflows/draft", tag = "workflows", request_body = NamedDraftIn,
    responses((status = 200, body = SavedDraftOut))
)]
pub(super) async fn save_named_draft(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(draft): Body<NamedDraftIn>,
) -> Result<Json<SavedDraftOut>> {
    let nameless = || {
        let detail = "The name of the workflow cannot be read in the text; give it as `name`.";
        Problem::new(&code::INVALID, detail)
    };
    let name = draft.name.or_else(|| workflow::name_of(&draft.text)).ok_or_else(nameless)?;
    save(&app, &caller, name, draft.text).await
}

/// Saves the draft of a workflow, valid or not, in the place of the one before.
#[utoipa::path(
    put, path = "/api/v1/workflows/{id}/draft", tag = "workflows", params(("id" = String, Path)), request_body = DocumentIn,
    responses((status = 200, body = SavedDraftOut))
)]
pub(super) async fn put_draft(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<WorkflowId>,
    Body(document): Body<DocumentIn>,
) -> Result<Json<SavedDraftOut>> {
    let workflow = find(&app, id).await?;
    save(&app, &caller, workflow.name, document.text).await
}

async fn load(app: &App, id: WorkflowId) -> Result<(Workflow, Draft)> {
    let workflow = find(app, id).await?;
    let draft = app.store.draft(id).await?.ok_or_else(|| Problem::not_found("draft of workflow", id))?;
    Ok((workflow, draft))
}

/// The draft of a workflow, with what is wrong with it and the URLs at which it answers.
#[utoipa::path(
    get, path = "/api/v1/workflows/{id}/draft", tag = "workflows", params(("id" = String, Path)),
    responses((status = 200, body = DraftOut))
)]
pub(super) async fn get_draft(State(app): State<App>, Path(id): Path<WorkflowId>) -> Result<Json<DraftOut>> {
    let (workflow, draft) = load(&app, id).await?;
    let checked = check_draft(&app, draft.document.clone(), workflow.name.clone()).await?;
    let hooks = app.store.hooks_of(id).await?;
    Ok(Json(DraftOut {
        about: SavedDraftOut::new(&app, id, workflow.name, checked, hooks),
        text: draft.document,
        author: draft.author,
        updated_at: draft.updated_at.into(),
        revision: draft.tried,
    }))
}

/// Throws the draft of a workflow away. What is published stays as it is, and so do the URLs; a workflow that was never published
/// goes with its draft and all its URLs.
#[utoipa::path(
    delete, path = "/api/v1/workflows/{id}/draft", tag = "workflows", params(("id" = String, Path)),
    responses((status = 204))
)]
pub(super) async fn delete_draft(State(app): State<App>, Path(id): Path<WorkflowId>) -> Result<StatusCode> {
    find(&app, id).await?;
    match app.store.drop_draft(id).await? {
        Dropped::Draft | Dropped::Workflow => Ok(StatusCode::NO_CONTENT),
        Dropped::Nothing => Err(Problem::not_found("draft of workflow", id)),
    }
}

/// Publishes the draft of a workflow, which is done with then. If it is not valid, all its problems are listed and it stays.
#[utoipa::path(
    post, path = "/api/v1/workflows/{id}/draft/publish", tag = "workflows", params(("id" = String, Path)),
    responses((status = 200, body = PublishedOut), (status = 422, description = "`problems` lists what is wrong"))
)]
pub(super) async fn publish_draft(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<WorkflowId>,
) -> Result<Json<PublishedOut>> {
    let (workflow, draft) = load(&app, id).await?;
    let checked = check_draft(&app, draft.document, workflow.name).await?;
    publish(&app, &caller, checked, Some(draft.version)).await.map(Json)
}
