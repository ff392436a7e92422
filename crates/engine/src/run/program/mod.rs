//! A workflow made ready to run: the tree of steps as an arena of nodes, every expression compiled.

use std::sync::Arc;

use super::{Failure, code};
use crate::expression::{Scope, Template, Value};
use crate::time::{Span, Timestamp};
use crate::workflow::{OnUnknown, Problem, Retry, Workflow};

mod compile;

/// The longest key of a lane, in bytes: it stands in an index.
pub const LANE_BYTES_MAX: usize = 512;

/// A compiled workflow. Shared by all runs of the revision.
#[derive(Debug)]
pub struct Program {
    workflow: Workflow,
    lane: Option<Template>,
    pub(super) nodes: Vec<Node>,
    pub(super) blocks: Vec<Vec<NodeIndex>>,
    /// The top-level steps.
    pub(super) root: BlockIndex,
}

pub(super) type NodeIndex = usize;
pub(super) type BlockIndex = usize;

/// A step of the document.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: Option<Arc<str>>,
    pub(super) title: Option<Arc<str>>,
    /// What people read as its kind: the action's name, or `set`, `if` …
    pub(super) kind_name: Arc<str>,
    /// How an occurrence is named, seen from the innermost loop around it.
    pub(super) label: Arc<str>,
    pub(super) in_loop: bool,
    pub(super) parent: Option<NodeIndex>,
    pub(super) kind: Kind,
    pub(super) retry: Option<Retry>,
    pub(super) timeout: Option<Span>,
    pub(super) on_unknown: Option<OnUnknown>,
    pub(super) on_error: Handling,
}

/// What a failure of a step leads to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Handling {
    Fail,
    Continue,
    Do(BlockIndex),
}

/// What a step does.
#[derive(Debug)]
pub(super) enum Kind {
    Action { action: Arc<str>, with: Template, secrets: Vec<SecretUse> },
    Set(Vec<(Arc<str>, Template)>),
    If { condition: Template, then: BlockIndex, otherwise: BlockIndex },
    Switch { value: Template, cases: Vec<(Template, BlockIndex)>, default: BlockIndex },
    ForEach { items: Template, item: Arc<str>, index: Arc<str>, concurrency: usize, body: BlockIndex },
    While { condition: Template, max: u64, body: BlockIndex },
    Parallel { names: Vec<Arc<str>>, blocks: Vec<BlockIndex> },
    Try { attempt: BlockIndex, catch: Option<BlockIndex>, finally: Option<BlockIndex> },
    Wait(WaitFor),
    Respond(Template),
    StopSuccess(Template),
    StopFailure(Template),
}

/// What a `wait` step waits for.
#[derive(Debug)]
pub(super) enum WaitFor {
    Fixed(Span),
    Span(Template),
    Until(Template),
}

/// A secret that the input of an action uses.
#[derive(Debug)]
pub(super) struct SecretUse {
    pub(super) name: String,
    /// The expression takes care of its absence.
    pub(super) optional: bool,
}

impl Program {
    /// Makes a workflow ready to run. `default_retry` tells an action's own policy.
    ///
    /// # Errors
    /// Every text of the document that is not an expression, and what else keeps it from running.
    pub fn compile(workflow: &Workflow, default_retry: &dyn Fn(&str) -> Option<Retry>) -> Result<Self, Vec<Problem>> {
        compile::compile(workflow, default_retry)
    }

    /// How many steps the document has, nested ones included.
    #[must_use]
    pub fn step_count(&self) -> usize {
        self.nodes.len()
    }

    /// The document.
    #[must_use]
    pub fn workflow(&self) -> &Workflow {
        &self.workflow
    }

    /// The lane of a run that this `webhook` object starts.
    ///
    /// # Errors
    /// The lane's expression gives no value.
    pub fn lane(&self, webhook: &Value) -> Result<Option<String>, Failure> {
        let Some(lane) = &self.lane else { return Ok(None) };
        // No time and no randomness: the lane must be the same whenever it is asked for.
        let scope = Scope::of(vec![("webhook".to_owned(), webhook.clone())], Timestamp(0), 0);
        let value = lane.eval(&scope).map_err(|e| Failure::new(code::EXPRESSION_ERROR, format!("settings.lane: {e}")))?;
        let key = (!value.is_none()).then(|| match value.as_str() {
            Some(text) => text.to_owned(),
            None => crate::expression::to_json(&value).to_string(),
        });
        if key.as_ref().is_some_and(|key| key.len() > LANE_BYTES_MAX) {
            let message = format!("settings.lane gives more than {LANE_BYTES_MAX} bytes; use an id, or a hash");
            return Err(Failure::new(code::EXPRESSION_ERROR, message));
        }
        Ok(key)
    }
}
