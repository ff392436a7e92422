//! What must be done about a run: the answer of [`decide`](super::decide).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Failure, StepAt};
use crate::time::{Span, Timestamp};

/// How often an attempt may be performed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Safety {
    /// Doing it twice is the same as doing it once.
    Repeatable,
    /// Its beginning is journaled before it is performed, and it is not repeated blindly.
    Once,
}

/// Something the owner of the run must do.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Perform one attempt of an action, with the input of [`attempt_input`](super::attempt_input).
    Attempt {
        /// The step occurrence.
        step: StepAt,
        /// The action's name.
        action: Arc<str>,
        /// The attempt, from 1.
        attempt: u32,
        /// How long it may take; the action's own limit if absent.
        timeout: Option<Span>,
    },
    /// Tell [`Event::Woke`](super::Event::Woke) at `due`.
    Wake {
        /// The step occurrence.
        step: StepAt,
        /// When.
        due: Timestamp,
    },
    /// Answer the waiting caller.
    Respond(Answer),
    /// Ask somebody what became of the step.
    Ask {
        /// The step occurrence.
        step: StepAt,
    },
    /// The run has ended.
    Finish(Outcome),
}

/// What a `respond` step says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers, in the order written.
    pub headers: Vec<(String, String)>,
    /// The body: a text is sent as `text/plain`, anything else as JSON.
    pub body: serde_json::Value,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It did what it should.
    Succeeded {
        /// The output of the last step, or what `stop` said.
        output: serde_json::Value,
    },
    /// It did not.
    Failed(Failure),
    /// Somebody cancelled it.
    Cancelled {
        /// Why.
        reason: String,
    },
}

/// Something that a run waits for.
#[derive(Clone, Debug, PartialEq)]
pub enum Pending {
    /// The end of an attempt.
    Attempt {
        /// The step occurrence.
        step: StepAt,
        /// The action's name.
        action: Arc<str>,
        /// The attempt, from 1.
        attempt: u32,
        /// How long it may take; the action's own limit if absent.
        timeout: Option<Span>,
        /// Whether [`Event::AttemptStarted`](super::Event::AttemptStarted) was told.
        started: bool,
    },
    /// A point in time.
    Timer {
        /// The step occurrence.
        step: StepAt,
        /// When.
        due: Timestamp,
    },
    /// Somebody's decision.
    Ask {
        /// The step occurrence.
        step: StepAt,
        /// The attempt whose outcome is unknown.
        attempt: u32,
    },
}

impl Pending {
    /// The step occurrence that waits.
    #[must_use]
    pub fn step(&self) -> &StepAt {
        match self {
            Self::Attempt { step, .. } | Self::Timer { step, .. } | Self::Ask { step, .. } => step,
        }
    }
}
