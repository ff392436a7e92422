//! A failure is data: what went wrong in a step, journaled and shown.

use serde::{Deserialize, Serialize};

use super::StepAt;
use crate::expression::{ExpressionError, Value};
use crate::time::Span;

/// The codes of the failures that the engine itself makes. Actions add their own.
pub mod code {
    /// An expression could not be evaluated.
    pub const EXPRESSION_ERROR: &str = "expression_error";
    /// `for_each` was given something that is neither an array nor an object.
    pub const NOT_A_LIST: &str = "not_a_list";
    /// A loop ran into its bound.
    pub const LOOP_LIMIT: &str = "loop_limit";
    /// A `stop` step ended the run as failed.
    pub const STOPPED: &str = "stopped";
    /// A second `respond` step was reached.
    pub const ALREADY_RESPONDED: &str = "already_responded";
    /// A `respond` step says something that is not an answer.
    pub const BAD_ANSWER: &str = "bad_answer";
    /// A `wait` step was given something that is no length of time and no point in time.
    pub const BAD_WAIT: &str = "bad_wait";
    /// The run holds more data than it may.
    pub const STATE_TOO_LARGE: &str = "state_too_large";
    /// The run took longer than `settings.timeout`.
    pub const TIMED_OUT: &str = "timed_out";
    /// The run was cancelled.
    pub const CANCELLED: &str = "cancelled";
    /// Somebody decided that a step whose outcome is unknown has failed.
    pub const OUTCOME_DECLINED: &str = "outcome_declined";
    /// The input of an action uses a secret that does not exist.
    pub const UNKNOWN_SECRET: &str = "unknown_secret";
    /// The input was asked of a step that no attempt is pending of.
    pub const NOT_PENDING: &str = "not_pending";
    /// The process ended between an effect and its record. In `retry.on` it declares that repeating is safe.
    pub const OUTCOME_UNKNOWN: &str = "outcome_unknown";
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Stable and machine-readable, see [`code`].
    pub code: String,
    /// For people.
    pub message: String,
    /// Whether another attempt may go better.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retryable: bool,
    /// How long the other side asked to wait before another attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Span>,
    /// More, for machines: for example the answer that was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<serde_json::Value>,
    /// The step occurrence that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepAt>,
}

impl Failure {
    /// A failure that another attempt would not mend.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), retryable: false, retry_after: None, details: None, step: None }
    }

    pub(super) fn expression(error: &ExpressionError) -> Self {
        let message = if error.expression.is_empty() {
            error.message.clone()
        } else {
            format!("{} (in `{}`)", error.message, error.expression)
        };
        Self::new(code::EXPRESSION_ERROR, message)
    }

    /// The same failure, said to have happened in `step` unless a step is named already.
    #[must_use]
    pub fn at(mut self, step: &StepAt) -> Self {
        self.step.get_or_insert_with(|| step.clone());
        self
    }

    /// The object that `error` holds in a `catch` block.
    pub(super) fn to_value(&self) -> Value {
        let step = self.step.as_ref().map_or(Value::from(()), |step| Value::from(step.as_str()));
        let details = self.details.as_ref().map_or(Value::from(()), crate::expression::from_json);
        Value::from_pairs([
            ("code", Value::from(self.code.as_str())),
            ("message", Value::from(self.message.as_str())),
            ("retryable", Value::from(self.retryable)),
            ("details", details),
            ("step", step),
        ])
    }
}
