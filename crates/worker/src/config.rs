//! How much the worker does at once and how long it holds on. Everything has a default.

use std::fmt;
use std::str::FromStr;

use hookmill_engine::time::{Span, SpanError};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
    /// Runs that wait in the database for a place in memory. While there are more, webhooks are refused with 503.
    pub backlog_runs_max: u64,
    /// Runs that paused hooks hold. While there are more, paused hooks refuse webhooks with 503.
    pub held_runs_max: u64,
    /// Runs that wait in the database for the end of another one of their lane. While there are more, webhooks whose run
    /// has a lane are refused with 503.
    pub blocked_runs_max: u64,
    /// A run that waits for less than this stays in memory; longer waits cost a row only.
    pub resident_wait: Span,
    /// Runs that stay in memory while they wait, at most; more are parked whatever their wait.
    pub resident_runs_max: usize,
    /// How long a stop waits for actions that are under way. What has not ended then is taken up at the next start.
    pub drain: Span,
    /// What is kept, and for how long.
    pub retention: Retention,
}

/// What is kept, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// How long runs are kept that succeeded, from their end.
    pub runs: Keep,
    /// How long runs are kept that failed or were cancelled.
    pub failed_runs: Keep,
    /// How many runs are kept, the newest first; all if it is left out.
    pub runs_max: Option<u64>,
    /// How long deliveries are kept; longer while they have runs.
    pub deliveries: Keep,
    /// How long refused deliveries are kept.
    pub refused_deliveries: Keep,
}

/// How long something is kept: a length of time, or `forever`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// So long.
    For(Span),
    /// Never deleted.
    Forever,
}

const FOREVER: &str = "forever";

/// Why a text is not a [`Keep`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}, or {FOREVER}")]
pub struct KeepError(SpanError);

impl Keep {
    /// The length of time; `None`: for ever.
    #[must_use]
    pub fn span(self) -> Option<Span> {
        match self {
            Self::For(span) => Some(span),
            Self::Forever => None,
        }
    }
}

impl FromStr for Keep {
    type Err = KeepError;

    fn from_str(text: &str) -> Result<Self, KeepError> {
        if text == FOREVER {
            return Ok(Self::Forever);
        }
        text.parse().map(Self::For).map_err(KeepError)
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::For(span) => span.fmt(f),
            Self::Forever => f.write_str(FOREVER),
        }
    }
}

impl Serialize for Keep {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Keep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

const DAY: u64 = 86_400_000;

impl Default for Retention {
    fn default() -> Self {
        Self {
            runs: Keep::For(Span(30 * DAY)),
            failed_runs: Keep::For(Span(90 * DAY)),
            runs_max: None,
            deliveries: Keep::For(Span(30 * DAY)),
            refused_deliveries: Keep::For(Span(7 * DAY)),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            runs_at_once: 1_024,
            queue_runs_max: 20_000,
            queue_bytes_max: 64 << 20,
            backlog_runs_max: 1_000_000,
            held_runs_max: 1_000_000,
            blocked_runs_max: 1_000_000,
            resident_wait: Span(10_000),
            resident_runs_max: 2_000,
            drain: Span(10_000),
            retention: Retention::default(),
        }
    }
}
