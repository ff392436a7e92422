//! How the runs of a workflow behave as a whole.

use schemars::JsonSchema;
use serde::Serialize;

use crate::time::Span;

/// Settings of a workflow. Everything has a default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Settings {
    /// At most this many runs of the workflow at once on a node; more wait their turn. No limit if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// An expression. Runs with the same value run strictly in order of acceptance, one at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lane: Option<String>,
    /// A failed run stops its lane until somebody reruns or cancels it. Default: the lane goes on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub park_lane_on_failure: bool,
    /// A run that takes longer than this (waits included) fails. No limit if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
}

impl Settings {
    /// Whether nothing differs from the defaults, so that the text can leave the section out.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
