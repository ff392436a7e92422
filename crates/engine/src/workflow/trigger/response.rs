//! What the sender gets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::time::Span;

/// What the sender gets for an accepted request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Response {
    /// When it is answered.
    #[serde(skip_serializing_if = "ResponseMode::is_default")]
    pub mode: ResponseMode,
    /// The status. Default: 202 when answered immediately without a body, if the preset's sender takes that for a success;
    /// else 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Extra headers; values may hold expressions.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub headers: Map<String, Value>,
    /// What the bodies of this and the other answers are sent as. Default: a text as text, anything else as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<ContentType>,
    /// The body; texts may hold expressions. Default: the delivery's and the run's id, or with `when_finished` the
    /// output of the last step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// With `when_finished` and `respond`: how long the sender waits before it gets 202 with the run's id. Default 30s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Span>,
    /// With `when_finished` and `respond`: the answer for a failed run. Default: 500 with problem details.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<FallbackAnswer>,
    /// With `when_finished` and `respond`: the answer for a run that was cancelled. Default: the one for a failed run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aborted: Option<FallbackAnswer>,
    /// With `when_finished` and `respond`: the answer when the deadline has passed. Default: 202 with the run's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_deadline: Option<FallbackAnswer>,
}

/// When an accepted request is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// As soon as it is stored.
    #[default]
    Immediately,
    /// When the run has ended.
    WhenFinished,
    /// When the run reaches a `respond` step (or ends).
    Respond,
}

impl ResponseMode {
    pub(in super::super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What a body is sent as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContentType {
    /// `application/json`: a text becomes a JSON text.
    Json,
    /// `text/plain`: anything else than a text is written as JSON.
    Text,
    /// `application/xml`: a text is sent as it is; a map is written as the element of its only key, or as `<response>`, with
    /// `@name` for attributes, `#text` for the text, and lists for elements that repeat.
    Xml,
}

/// The answer that is given instead of the usual one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct FallbackAnswer {
    /// The status. Default: that of the answer it stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What its body is sent as. Default: as the other answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<ContentType>,
    /// The body; texts may hold expressions (`{{ run.error.message }}`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}
