//! Documents: checked and published, with everything that is wrong with them.

use axum::extract::State;
use axum::{Extension, Json};
use hookmill_engine::id::WorkflowId;
use hookmill_engine::workflow::{self, Problem as Fault, Severity, Workflow};
use hookmill_store::workflows::Publication;
use hookmill_worker::Checked;
use serde::{Deserialize, Serialize};

use super::auth::Caller;
use super::checking::{check, wanted_hooks};
use super::extract::Body;
use super::workflows::HookOut;
use crate::app::App;
use crate::problem::{Problem, Result, code};

/// A document.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DocumentIn {
    /// The document as YAML or JSON text.
    pub(super) text: String,
}

/// One thing that is wrong with a document.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FaultOut {
    /// Where: `steps[2].with.url`. Empty for the document as a whole.
    path: String,
    /// What kind of problem: a stable code.
    code: &'static str,
    /// What is wrong and what would be right.
    message: String,
    /// What was probably meant.
    suggestion: Option<String>,
    /// `error` or `warning`.
    #[schema(value_type = String)]
    severity: Severity,
}

/// Everything that is wrong with a document.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FaultsOut {
    problems: Vec<FaultOut>,
}

/// What was published.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct PublishedOut {
    #[schema(value_type = String)]
    workflow: WorkflowId,
    name: String,
    revision: u32,
    /// The document is the one that was published before.
    unchanged: bool,
    hooks: Vec<HookOut>,
    /// What is allowed but looks wrong.
    warnings: Vec<FaultOut>,
}

impl From<Fault> for FaultOut {
    fn from(fault: Fault) -> Self {
        let Fault { path, code, message, suggestion, severity } = fault;
        Self { path, code, message, suggestion, severity }
    }
}

pub(super) fn faults_out(faults: Vec<Fault>) -> Vec<FaultOut> {
    faults.into_iter().map(FaultOut::from).collect()
}

/// Publishes a document: the workflow of its name gets a new revision, or is made. All problems are listed at once.
#[utoipa::path(
    post, path = "/api/v1/workflows/publish", tag = "workflows", request_body = DocumentIn,
    responses((status = 200, body = PublishedOut), (status = 422, description = "`problems` lists what is wrong"))
)]
pub(super) async fn publish_workflow(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(document): Body<DocumentIn>,
) -> Result<Json<PublishedOut>> {
    let checked = check(&app, document.text.clone()).await?;
    let draft = match &checked.workflow {
        Some(workflow) => draft_saying(&app, workflow, &document.text).await?,
        None => None,
    };
    publish(&app, &caller, checked, draft).await.map(Json)
}

/// The version of the draft that says what this document says, if the workflow of its name has one.
async fn draft_saying(app: &App, workflow: &Workflow, text: &str) -> Result<Option<i64>> {
    let Some(known) = app.store.workflow_by_name(app.workspace(), &workflow.name).await? else { return Ok(None) };
    let Some(draft) = app.store.draft(known.id).await? else { return Ok(None) };
    let says_it = draft.document == text || workflow::read(&draft.document).is_ok_and(|drafted| drafted == *workflow);
    Ok(says_it.then_some(draft.version))
}

/// Publishes a document that was checked. `draft`: the version of the draft that is done with.
pub(super) async fn publish(app: &App, caller: &Caller, checked: Checked, draft: Option<i64>) -> Result<PublishedOut> {
    let Some(workflow) = checked.workflow else { return Err(invalid_workflow(checked.problems)) };
    let publication = Publication {
        workspace: app.workspace(),
        name: workflow.name.clone(),
        document: workflow::to_yaml(&workflow),
        author: caller.author(),
        hooks: wanted_hooks(&workflow),
        draft,
    };
    let published = app.store.publish(&publication, app.now()).await?;
    Ok(PublishedOut {
        workflow: published.workflow,
        name: workflow.name,
        revision: published.revision,
        unchanged: !published.changed,
        hooks: published.hooks.into_iter().map(|hook| HookOut::new(app, hook)).collect(),
        warnings: faults_out(checked.problems),
    })
}

fn invalid_workflow(faults: Vec<Fault>) -> Problem {
    let detail = match faults.len() {
        1 => "The document has a problem.".to_owned(),
        count => format!("The document has {count} problems."),
    };
    let problems = serde_json::to_value(faults_out(faults)).expect("problems are representable as JSON");
    Problem::new(&code::INVALID_WORKFLOW, detail).with("problems", problems)
}

/// Checks a document without publishing it.
#[utoipa::path(
    post, path = "/api/v1/workflows/check", tag = "workflows", request_body = DocumentIn,
    responses((status = 200, body = FaultsOut))
)]
pub(super) async fn check_workflow(State(app): State<App>, Body(document): Body<DocumentIn>) -> Result<Json<FaultsOut>> {
    let checked = check(&app, document.text).await?;
    Ok(Json(FaultsOut { problems: faults_out(checked.problems) }))
}
