//! How much the worker does at once and how long it holds on. Everything has a default.

use hookmill_engine::time::Span;
use serde::{Deserialize, Serialize};

/// The `[worker]` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Runs in memory at the same time, those that wait for an action's answer included.
    pub runs_at_once: usize,
    /// Accepted runs that wait in memory for their turn. More stay in the database only and are fetched when there is room.
    pub queue_runs_max: usize,
    /// Bytes of request bodies held by the runs that wait in memory for their turn.
    pub queue_bytes_max: usize,
    /// A run that waits for less than this stays in memory; longer waits cost a row only.
    pub resident_wait: Span,
    /// Runs that stay in memory while they wait, at most; more are parked whatever their wait.
    pub resident_runs_max: usize,
    /// How long a stop waits for actions that are under way. What has not ended then is taken up at the next start.
    pub drain: Span,
    /// What is kept, and for how long.
    pub retention: Retention,
}

/// What is kept. A value that is left out keeps everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// How long runs are kept that succeeded, from their end.
    pub runs: Option<Span>,
    /// How long runs are kept that failed or were cancelled.
    pub failed_runs: Option<Span>,
    /// How many runs are kept, the newest first.
    pub runs_max: Option<u64>,
    /// How long deliveries are kept; longer while they have runs.
    pub deliveries: Option<Span>,
    /// How long refused deliveries are kept.
    pub refused_deliveries: Option<Span>,
}

const DAY: u64 = 86_400_000;

impl Default for Retention {
    fn default() -> Self {
        Self {
            runs: Some(Span(30 * DAY)),
            failed_runs: Some(Span(90 * DAY)),
            runs_max: None,
            deliveries: Some(Span(30 * DAY)),
            refused_deliveries: Some(Span(7 * DAY)),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            runs_at_once: 1_024,
            queue_runs_max: 20_000,
            queue_bytes_max: 64 << 20,
            resident_wait: Span(10_000),
            resident_runs_max: 2_000,
            drain: Span(10_000),
            retention: Retention::default(),
        }
    }
}
