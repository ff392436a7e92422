//! `[retention]`: how long history is kept.

use hookmill_engine::time::Span;
use serde::{Deserialize, Serialize};

const DAY_MS: u64 = 86_400_000;

/// How long history is kept. Runs that have not ended are always kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Deliveries and the runs that succeeded.
    pub succeeded: Span,
    /// Deliveries whose runs failed or were cancelled, and those runs.
    pub failed: Span,
    /// Requests that were refused.
    pub refused: Span,
    /// Ended runs in all; the oldest go first.
    pub runs_max: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { succeeded: Span(30 * DAY_MS), failed: Span(90 * DAY_MS), refused: Span(7 * DAY_MS), runs_max: 10_000_000 }
    }
}
