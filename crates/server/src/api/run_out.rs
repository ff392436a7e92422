//! A run as the API shows it: its row, and its steps as the journal tells them.

use std::sync::Arc;

use hookmill_engine::run::{AttemptView, Failure, LogLevel, LogLine, StepAt, StepState, StepView};
use hookmill_worker::RunView;
use serde::Serialize;
use serde_json::Value;

use super::runs::{RunOut, error_out};
use super::time::Time;

/// A run with its steps.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RunDetailOut {
    #[serde(flatten)]
    run: RunOut,
    /// What it gave, if it succeeded.
    output: Option<Value>,
    /// Its steps in the order in which they began.
    steps: Vec<StepOut>,
    /// How many more occurrences of steps there were.
    steps_left_out: u64,
    /// Why the steps cannot be shown, if they cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    steps_problem: Option<String>,
}

/// One occurrence of a step.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct StepOut {
    /// The id written in the document; where it stands if it has none.
    #[schema(value_type = String)]
    id: Arc<str>,
    /// Which occurrence: path and iterations.
    #[schema(value_type = String)]
    at: StepAt,
    #[schema(value_type = Option<String>)]
    title: Option<Arc<str>>,
    /// An action's name, or `set`, `if`, `for_each` …
    #[schema(value_type = String)]
    kind: Arc<str>,
    /// running, waiting, asking, succeeded, failed, skipped or cancelled.
    #[schema(value_type = String)]
    state: StepState,
    output: Option<Value>,
    /// It gave more than is shown here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    output_left_out: bool,
    /// Why it failed, also if the run went on.
    #[schema(value_type = Option<Object>)]
    error: Option<Failure>,
    attempts: Vec<AttemptOut>,
    logs: Vec<LogOut>,
    /// How many log lines are not shown.
    #[serde(skip_serializing_if = "is_zero")]
    logs_left_out: u64,
    started_at: Option<Time>,
    ended_at: Option<Time>,
}

/// One attempt of an action.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AttemptOut {
    /// Which, from 1.
    number: u32,
    started_at: Option<Time>,
    ended_at: Option<Time>,
    #[schema(value_type = Option<Object>)]
    error: Option<Failure>,
}

/// One line that an action logged.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct LogOut {
    at: Time,
    #[schema(value_type = String)]
    level: LogLevel,
    message: String,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl RunDetailOut {
    /// `test`: whether its delivery came to a test URL.
    pub(super) fn new(view: RunView, test: bool) -> Self {
        let RunView { run, steps, steps_problem } = view;
        Self {
            run: RunOut {
                id: run.id,
                workflow: run.workflow,
                revision: run.revision,
                state: run.state,
                delivery: run.delivery,
                created_at: run.created_at.into(),
                started_at: run.started_at.map(Time),
                finished_at: run.finished_at.map(Time),
                test,
                error: error_out(run.error),
            },
            output: run.output.map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text))),
            steps: steps.steps.into_iter().map(StepOut::from).collect(),
            steps_left_out: steps.left_out,
            steps_problem,
        }
    }
}

impl From<StepView> for StepOut {
    fn from(step: StepView) -> Self {
        Self {
            id: step.id.unwrap_or_else(|| Arc::from(step.at.to_string())),
            at: step.at,
            title: step.title,
            kind: step.kind,
            state: step.state,
            output: step.output,
            output_left_out: step.output_left_out,
            error: step.error,
            attempts: step.attempts.into_iter().map(AttemptOut::from).collect(),
            logs: step.logs.into_iter().map(LogOut::from).collect(),
            logs_left_out: step.logs_left_out,
            started_at: step.started_at.map(Time),
            ended_at: step.ended_at.map(Time),
        }
    }
}

impl From<AttemptView> for AttemptOut {
    fn from(attempt: AttemptView) -> Self {
        Self {
            number: attempt.number,
            started_at: attempt.started_at.map(Time),
            ended_at: attempt.ended_at.map(Time),
            error: attempt.error,
        }
    }
}

impl From<LogLine> for LogOut {
    fn from(line: LogLine) -> Self {
        Self { at: line.at.into(), level: line.level, message: line.message }
    }
}
