//! What people see of a run's steps. Bounded, however many iterations a loop has.

use std::sync::Arc;

use serde::Serialize;

use super::{Failure, LogLine, StepAt};
use crate::time::Timestamp;

/// The steps of a run, in the order in which they began.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StepsView {
    /// The occurrences that are kept.
    pub steps: Vec<StepView>,
    /// How many more occurrences there were.
    pub left_out: u64,
}

/// One occurrence of a step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepView {
    /// Which occurrence.
    pub at: StepAt,
    /// The id written in the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Arc<str>>,
    /// The title written in the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<Arc<str>>,
    /// What the step does: an action's name, or `set`, `if`, `for_each` …
    pub kind: Arc<str>,
    /// Where it stands.
    pub state: StepState,
    /// What it gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<serde_json::Value>,
    /// It gave more than is shown here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub output_left_out: bool,
    /// Why it failed, also if the run went on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// The last attempts of an action.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<AttemptView>,
    /// The first lines that the action logged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<LogLine>,
    /// How many log lines are not shown.
    #[serde(skip_serializing_if = "is_zero")]
    pub logs_left_out: u64,
    /// When it began. Absent for a skipped step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// One attempt of an action.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttemptView {
    /// The attempt, from 1.
    pub number: u32,
    /// When it began, once that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// An attempt, or steps inside it, are under way.
    Running,
    /// It waits for a point in time.
    Waiting,
    /// Its outcome is unknown; somebody must decide.
    Asking,
    /// It worked.
    Succeeded,
    /// It failed.
    Failed,
    /// The run took another way.
    Skipped,
    /// The run, or a parallel branch, ended before it did.
    Cancelled,
}
