//! What happened to a run from outside: the journal holds these and nothing else.
//!
//! Control flow and pure steps are not journaled, because folding the events computes them again.

use serde::{Deserialize, Serialize};

use super::{Failure, StepAt};
use crate::time::Timestamp;

/// One journal entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it happened, by the clock of the node that owned the run.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// A fact from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// An attempt that must not be repeated blindly is about to run. Journaled before the effect.
    AttemptStarted {
        /// The step occurrence.
        step: StepAt,
        /// The attempt, from 1.
        attempt: u32,
    },
    /// An attempt ended.
    AttemptEnded {
        /// The step occurrence.
        step: StepAt,
        /// The attempt, from 1.
        attempt: u32,
        /// How it ended.
        result: AttemptResult,
        /// What the action logged.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        logs: Vec<LogLine>,
        /// When the attempt began.
        started_at: Timestamp,
    },
    /// A timer (of a `wait` step or of a pause between attempts) that was due went off.
    Woke {
        /// The step occurrence.
        step: StepAt,
    },
    /// Somebody decided about a step whose outcome is unknown.
    Resolved {
        /// The step occurrence.
        step: StepAt,
        /// The decision.
        resolution: Resolution,
    },
    /// The process ended between `AttemptStarted` and `AttemptEnded`.
    OutcomeUnknown {
        /// The step occurrence.
        step: StepAt,
        /// The attempt, from 1.
        attempt: u32,
    },
    /// Somebody cancelled the run.
    Cancelled {
        /// Why.
        reason: String,
    },
    /// `settings.timeout` passed.
    TimedOut,
}

impl Event {
    /// The step occurrence it is about; `None` if it is about the run as a whole.
    #[must_use]
    pub fn step(&self) -> Option<&StepAt> {
        match self {
            Self::AttemptStarted { step, .. }
            | Self::AttemptEnded { step, .. }
            | Self::Woke { step }
            | Self::Resolved { step, .. }
            | Self::OutcomeUnknown { step, .. } => Some(step),
            Self::Cancelled { .. } | Self::TimedOut => None,
        }
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptResult {
    /// It worked.
    Done {
        /// What the step gives.
        output: serde_json::Value,
    },
    /// It did not.
    Failed(Failure),
}

/// What somebody decided about a step whose outcome is unknown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// Perform it once more.
    Retry,
    /// Go on as if it had failed.
    TakeAsFailed {
        /// Why, for people.
        message: String,
    },
    /// Go on as if it had succeeded.
    TakeAsDone {
        /// What the step gives.
        output: serde_json::Value,
    },
}

/// A line that an action logged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// When.
    pub at: Timestamp,
    /// How serious.
    pub level: LogLevel,
    /// What.
    pub message: String,
}

/// How serious a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "they are the usual levels")]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}
