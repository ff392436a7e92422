//! `[worker]`: how runs are executed.

use hookmill_engine::time::Span;
use serde::{Deserialize, Serialize};

use super::Size;

/// How runs are executed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Worker {
    /// Runs at once on this node.
    pub concurrency: usize,
    /// Runs that wait in memory for their turn; more wait in the database.
    pub ready_max: usize,
    /// With more unfinished runs than this, webhooks are refused with 503 until some have ended.
    pub backlog_max: usize,
    /// How long an attempt of a step may take unless the step says otherwise.
    pub attempt_timeout: Span,
    /// Bytes of a step's output.
    pub output_max: Size,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            concurrency: 512,
            ready_max: 10_000,
            backlog_max: 1_000_000,
            attempt_timeout: Span(60_000),
            output_max: Size::mib(8),
        }
    }
}
