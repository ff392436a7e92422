//! The steps: a tree of actions and control.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::trigger::indexed;
use crate::time::Span;

/// One step. What it does is told by which of the kinds' keys it has (`use`, `set`, `if` …).
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Step {
    /// How its output is named: `{{ steps.ID }}`. Unique in the document. Letters, digits, `_`; starts with a letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What people read in lists and drawings instead of the id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the step does.
    #[serde(flatten)]
    pub kind: StepKind,
    /// How often and how fast a failed attempt is repeated. Default: the action's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// How long one attempt may take. Default: the action's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// What follows when the process died between an attempt that must not be repeated blindly and its record. Default:
    /// `ask`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_unknown: Option<OnUnknown>,
    /// What a failure (after all attempts) leads to. Default: the run fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_error: Option<OnError>,
}

/// What a step does. The keys of a variant stand in the step itself, beside `id`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum StepKind {
    /// Runs an action: `use: http.request` with its input in `with`.
    Use {
        /// The action's name.
        #[serde(rename = "use")]
        action: String,
        /// The action's input; texts may hold expressions, also `{{ secrets.NAME }}`.
        #[serde(skip_serializing_if = "Map::is_empty")]
        with: Map<String, Value>,
    },
    /// Sets run variables: `set: { total: "{{ webhook.total * 1.19 }}" }`. Output: the object.
    Set {
        /// Name to value, evaluated in order.
        set: Map<String, Value>,
    },
    /// Runs `then` if the expression is true, else `else`.
    If {
        /// The condition.
        #[serde(rename = "if")]
        condition: Value,
        /// Steps for a true condition.
        then: Vec<Step>,
        /// Steps for a false condition.
        #[serde(rename = "else", skip_serializing_if = "Vec::is_empty")]
        otherwise: Vec<Step>,
    },
    /// Runs the first case whose `when` equals the value, else `default`.
    Switch {
        /// The value to compare.
        switch: Value,
        /// The cases, tried in order.
        cases: Vec<Case>,
        /// Steps for a value that no case names.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        default: Vec<Step>,
    },
    /// Runs `do` for each element. Output: the list of what each iteration's last step gave, in order.
    ForEach {
        /// An expression that gives an array (or an object: elements are `{key, value}`).
        for_each: Value,
        /// The variable that holds the element. Default `item`.
        #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
        item: Option<String>,
        /// The variable that holds the position, from 0. Default `index`.
        #[serde(skip_serializing_if = "Option::is_none")]
        index: Option<String>,
        /// How many iterations run at once. Default 1: in order.
        #[serde(skip_serializing_if = "Option::is_none")]
        concurrency: Option<u32>,
        /// The steps of one iteration.
        #[serde(rename = "do")]
        body: Vec<Step>,
    },
    /// Runs `do` as long as the condition is true. Output: `{ iterations }`.
    While {
        /// The condition, evaluated before each iteration; `index` counts them from 0.
        #[serde(rename = "while")]
        condition: Value,
        /// The step fails when the condition is still true after this many iterations. Default 1000.
        #[serde(skip_serializing_if = "Option::is_none")]
        max: Option<u32>,
        /// The steps of one iteration.
        #[serde(rename = "do")]
        body: Vec<Step>,
    },
    /// Runs named branches at the same time. Output: branch name to what its last step gave.
    Parallel {
        /// The branches.
        #[schemars(with = "BTreeMap<String, Vec<Step>>")]
        parallel: indexed::Map<Vec<Step>>,
    },
    /// Runs `try`; on failure `catch` (where `error` holds the failure); `finally` in any case.
    Try {
        /// The steps that may fail.
        #[serde(rename = "try")]
        attempt: Vec<Step>,
        /// Steps for a failure. Without them the failure goes on after `finally`.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        catch: Vec<Step>,
        /// Steps that run in any case.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        finally: Vec<Step>,
    },
    /// Waits, without using memory or a thread, also over restarts.
    Wait {
        /// How long, or until when.
        wait: Wait,
    },
    /// Answers the waiting caller (at most once in a run); the run goes on.
    Respond {
        /// What is sent: `status` (default 200), `headers`, `body`.
        respond: Map<String, Value>,
    },
    /// Ends the run.
    Stop {
        /// How it ends.
        stop: StopOutcome,
    },
}

impl StepKind {
    /// The key that makes a step one of this kind.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::Use { .. } => "use",
            Self::Set { .. } => "set",
            Self::If { .. } => "if",
            Self::Switch { .. } => "switch",
            Self::ForEach { .. } => "for_each",
            Self::While { .. } => "while",
            Self::Parallel { .. } => "parallel",
            Self::Try { .. } => "try",
            Self::Wait { .. } => "wait",
            Self::Respond { .. } => "respond",
            Self::Stop { .. } => "stop",
        }
    }

    /// The blocks of steps inside of it, in the order written.
    #[must_use]
    pub fn blocks(&self) -> Vec<&[Step]> {
        match self {
            Self::If { then, otherwise, .. } => vec![then, otherwise],
            Self::Switch { cases, default, .. } => {
                cases.iter().map(|case| case.body.as_slice()).chain([default.as_slice()]).collect()
            }
            Self::ForEach { body, .. } | Self::While { body, .. } => vec![body],
            Self::Parallel { parallel } => parallel.values().map(Vec::as_slice).collect(),
            Self::Try { attempt, catch, finally } => vec![attempt, catch, finally],
            Self::Use { .. } | Self::Set { .. } | Self::Wait { .. } | Self::Respond { .. } | Self::Stop { .. } => vec![],
        }
    }
}

impl Step {
    /// The blocks of steps inside of it, those for a failure included.
    #[must_use]
    pub fn blocks(&self) -> Vec<&[Step]> {
        let mut blocks = self.kind.blocks();
        if let Some(OnError::Do(steps)) = &self.on_error {
            blocks.push(steps);
        }
        blocks
    }
}

/// One case of a `switch`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Case {
    /// The value that selects it; a text may hold an expression.
    pub when: Value,
    /// Its steps.
    #[serde(rename = "do")]
    pub body: Vec<Step>,
}

/// How long to wait: `wait: 5m`, `wait: { for: "{{ … }}" }` or `wait: { until: "{{ webhook.due }}" }`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Wait {
    /// A fixed length of time.
    Fixed(Span),
    /// A length of time from an expression (text such as `5m`, or a number of seconds).
    For {
        /// The expression.
        #[serde(rename = "for")]
        span: String,
    },
    /// A point in time from an expression (RFC 3339 text, or milliseconds since 1970).
    Until {
        /// The expression.
        until: String,
    },
}

/// How a `stop` step ends the run.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StopOutcome {
    /// The run succeeds; the value is its output.
    Success(Value),
    /// The run fails with this message; it may hold expressions.
    Failure(String),
}

/// What a failure leads to.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The run fails.
    Fail,
    /// The run goes on; the step's output is `{ error }`.
    Continue,
    /// These steps run (`error` holds the failure) and then the run goes on.
    Do(Vec<Step>),
}

/// What follows when nobody knows whether an attempt had its effect. Attempts that may be repeated (idempotent methods,
/// requests with an idempotency key) are repeated and never come here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// The run waits until somebody decides.
    Ask,
    /// It is attempted again, at the risk that it happens twice.
    Retry,
    /// The step fails with the code `outcome_unknown`, at the risk that it has happened.
    Fail,
}

/// How often and how fast a failed attempt is repeated.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Retry {
    /// Attempts in all, the first included; 1 to 100.
    pub attempts: u32,
    /// How the pause grows. Default: exponential.
    #[serde(skip_serializing_if = "Backoff::is_default")]
    pub backoff: Backoff,
    /// The first pause. Default 1s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<Span>,
    /// No pause is longer than this (but a longer `Retry-After` is respected up to 1d). Default 5m.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_delay: Option<Span>,
    /// Codes of failures to repeat, instead of those the action calls retryable.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<String>,
}

/// How the pause between attempts grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Backoff {
    /// Doubles each time, with jitter.
    #[default]
    Exponential,
    /// Stays the same.
    Fixed,
}

impl Backoff {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
