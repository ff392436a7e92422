//! Runs: listed, looked at, cancelled, decided about, repeated.

use axum::Json;
use axum::extract::State;
use hookmill_engine::id::{DeliveryId, RunId, WorkflowId};
use hookmill_engine::run::{Resolution, StepAt};
use hookmill_store::runs::{RunFilter, RunSummary, State as RunState};
use hookmill_worker::{From as Begin, Which};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::extract::{Body, OptionalBody, Path, Query};
use super::page::{self, PageOut};
use super::run_out::RunDetailOut;
use super::time::Time;
use crate::app::App;
use crate::problem::{Problem, Result};

/// The longest reason for a cancellation.
const REASON_CHARS_MAX: usize = 1_000;

/// Which runs.
#[derive(Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RunsQuery {
    /// Those of one workflow.
    workflow: Option<String>,
    /// Those in this state: held, ready, running, waiting, asking, succeeded, failed, cancelled.
    state: Option<String>,
    /// Those that a delivery started.
    delivery: Option<String>,
    /// Items of the page, 1 to 500.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// A run in a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RunOut {
    #[schema(value_type = String)]
    pub(super) id: RunId,
    #[schema(value_type = String)]
    pub(super) workflow: WorkflowId,
    pub(super) revision: u32,
    /// held, ready, running, waiting, asking, succeeded, failed or cancelled.
    #[schema(value_type = String)]
    pub(super) state: RunState,
    /// The delivery that started it.
    #[schema(value_type = Option<String>)]
    pub(super) delivery: Option<DeliveryId>,
    pub(super) created_at: Time,
    pub(super) started_at: Option<Time>,
    pub(super) finished_at: Option<Time>,
    /// Whether its delivery came to a test URL.
    pub(super) test: bool,
    /// Why it failed or was cancelled.
    pub(super) error: Option<Value>,
}

/// A run that was started.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct StartedOut {
    #[schema(value_type = String)]
    pub(super) run_id: RunId,
}

/// Which revision of the workflow is executed.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevisionIn {
    /// `published` (default; also `latest`), `original` (also `same`), or a number.
    pub(super) revision: Option<RevisionChoice>,
}

/// A revision by word or number.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(crate) enum RevisionChoice {
    Number(u32),
    Word(String),
}

impl RevisionChoice {
    fn which(&self) -> Result<Which> {
        match self {
            Self::Number(number) => Ok(Which::Number(*number)),
            Self::Word(word) => match word.as_str() {
                "same" | "original" => Ok(Which::Same),
                "latest" | "published" => Ok(Which::Latest),
                _ => Err(Problem::bad_request("`revision` must be \"original\", \"published\" or a number.")),
            },
        }
    }
}

impl RevisionIn {
    pub(super) fn numbered(number: Option<u32>) -> Self {
        Self { revision: number.map(RevisionChoice::Number) }
    }

    /// The revision meant; the latest if nothing was said.
    pub(super) fn which(&self) -> Result<Which> {
        self.revision.as_ref().map_or(Ok(Which::Latest), RevisionChoice::which)
    }
}

/// Why a run is cancelled.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelIn {
    reason: Option<String>,
}

/// How a run is repeated.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RerunIn {
    /// `start`, or `failed`: what was done before the failed step is taken over.
    from: FromIn,
    /// `same` (default), `latest` or a number.
    revision: Option<RevisionChoice>,
}

/// Where a repetition begins.
#[derive(Clone, Copy, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FromIn {
    Start,
    Failed,
}

/// A decision about a step whose outcome is unknown.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResolveIn {
    /// Which step: its `at`.
    step: String,
    resolution: ResolutionIn,
}

/// What is taken for the outcome.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ResolutionIn {
    /// It is attempted again.
    Retry {},
    /// It is taken for failed.
    Failed { message: String },
    /// It is taken for done, with this output.
    Done { output: Value },
}

impl From<ResolutionIn> for Resolution {
    fn from(resolution: ResolutionIn) -> Self {
        match resolution {
            ResolutionIn::Retry {} => Self::Retry,
            ResolutionIn::Failed { message } => Self::TakeAsFailed { message },
            ResolutionIn::Done { output } => Self::TakeAsDone { output },
        }
    }
}

/// A stored error: a failure as JSON, or a sentence.
pub(super) fn error_out(stored: Option<String>) -> Option<Value> {
    stored.map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

impl From<RunSummary> for RunOut {
    fn from(run: RunSummary) -> Self {
        Self {
            id: run.id,
            workflow: run.workflow,
            revision: run.revision,
            state: run.state,
            delivery: run.delivery,
            created_at: run.created_at.into(),
            started_at: run.started_at.map(Time),
            finished_at: run.finished_at.map(Time),
            test: run.test,
            error: error_out(run.error),
        }
    }
}

/// Runs, newest first.
#[utoipa::path(get, path = "/api/v1/runs", tag = "runs", params(RunsQuery), responses((status = 200, body = PageOut<RunOut>)))]
pub(super) async fn list_runs(State(app): State<App>, Query(query): Query<RunsQuery>) -> Result<Json<PageOut<RunOut>>> {
    let filter = RunFilter {
        workflow: query.workflow.as_deref().map(str::parse).transpose()?,
        state: page::word("state", query.state.as_deref())?,
        delivery: query.delivery.as_deref().map(str::parse).transpose()?,
        before: page::cursor(query.cursor.as_deref())?,
        ..RunFilter::default()
    };
    let found = app.store.runs(&filter, page::limit(query.limit)?).await?;
    let items = found.items.into_iter().map(RunOut::from).collect();
    Ok(Json(PageOut { items, next: found.older.map(|id| RunId(id).to_string()) }))
}

/// A run with its steps.
#[utoipa::path(
    get, path = "/api/v1/runs/{id}", tag = "runs", params(("id" = String, Path)), responses((status = 200, body = RunDetailOut))
)]
pub(super) async fn get_run(State(app): State<App>, Path(id): Path<RunId>) -> Result<Json<RunDetailOut>> {
    let view = app.worker.view(id).await?.ok_or_else(|| Problem::not_found("run", id))?;
    let delivery = match view.run.delivery {
        Some(id) => app.store.delivery(id).await?,
        None => None,
    };
    Ok(Json(RunDetailOut::new(view, delivery.is_some_and(|delivery| delivery.is_test()))))
}

/// Ends a run, wherever it stands.
#[utoipa::path(
    post, path = "/api/v1/runs/{id}/cancel", tag = "runs", params(("id" = String, Path)),
    request_body = Option<CancelIn>, responses((status = 202, description = "It will end as cancelled"))
)]
pub(super) async fn cancel_run(
    State(app): State<App>,
    Path(id): Path<RunId>,
    OptionalBody(cancel): OptionalBody<CancelIn>,
) -> Result<StatusCode> {
    let reason = cancel.reason.unwrap_or_else(|| "cancelled by hand".to_owned());
    app.worker.cancel(id, reason.chars().take(REASON_CHARS_MAX).collect()).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Repeats a run that has ended, as a new run.
#[utoipa::path(
    post, path = "/api/v1/runs/{id}/rerun", tag = "runs", params(("id" = String, Path)), request_body = RerunIn,
    responses((status = 202, body = StartedOut))
)]
pub(super) async fn rerun_run(
    State(app): State<App>,
    Path(id): Path<RunId>,
    Body(rerun): Body<RerunIn>,
) -> Result<(StatusCode, Json<StartedOut>)> {
    let begin = match rerun.from {
        FromIn::Start => Begin::Start,
        FromIn::Failed => Begin::Failed,
    };
    let which = rerun.revision.as_ref().map_or(Ok(Which::Same), RevisionChoice::which)?;
    let run_id = app.worker.rerun(id, begin, which).await?;
    Ok((StatusCode::ACCEPTED, Json(StartedOut { run_id })))
}

/// Decides about a step whose outcome is unknown.
#[utoipa::path(
    post, path = "/api/v1/runs/{id}/resolve", tag = "runs", params(("id" = String, Path)), request_body = ResolveIn,
    responses((status = 202, description = "The run goes on"))
)]
pub(super) async fn resolve_step(
    State(app): State<App>,
    Path(id): Path<RunId>,
    Body(resolve): Body<ResolveIn>,
) -> Result<StatusCode> {
    app.worker.resolve(id, StepAt::new(resolve.step), resolve.resolution.into()).await?;
    Ok(StatusCode::ACCEPTED)
}
