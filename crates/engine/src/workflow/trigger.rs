//! What starts a workflow: for now, a webhook.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::time::Span;

/// What starts a workflow. Written as a map with one key: `- webhook: { … }`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// An HTTP request to the trigger's own URL.
    Webhook(Box<WebhookTrigger>),
}

/// A webhook trigger: who may call, what must be in the request, how it is answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct WebhookTrigger {
    /// What people call this trigger. Identifies the hook over revisions; default `webhook`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Own path beside the unguessable URL: answers at `/hooks/{workspace}/{path}`. Segments `:name` are parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The methods that are answered. Default: POST only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<Method>,
    /// Who may call. Default: everyone who knows the URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// What must be, and what may be, in the request; by name, in the order written.
    #[serde(skip_serializing_if = "indexed::is_empty")]
    #[schemars(with = "BTreeMap<String, Variable>")]
    pub variables: indexed::Map<Variable>,
    /// Names under which headers and body are kept as run variables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// Bodies larger than this many bytes are refused with 413. Default and upper bound: the server's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes_max: Option<u64>,
    /// What the sender gets. Default: 202 with the ids, at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<Response>,
}

/// A map that keeps the order in which it was written.
pub(super) mod indexed {
    /// Name to value, in the order written.
    pub(crate) type Map<T> = indexmap::IndexMap<String, T>;

    pub(in super::super) fn is_empty<T>(map: &Map<T>) -> bool {
        map.is_empty()
    }
}

/// A request method that a hook can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "they are the methods of RFC 9110")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// Who may call: any one of the credentials suffices.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Auth {
    /// One of these must be presented. Empty means everyone.
    pub any: Vec<Credential>,
}

/// One way to show who is calling. The texts are names of stored secrets, never the secrets.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// The secret in the query: `?key=…`.
    SharedKey(String),
    /// The secret in `Authorization: Bearer …`.
    Bearer(String),
    /// The secret in a header of its own.
    Header {
        /// The header's name, matched without case.
        name: String,
        /// The name of the stored secret.
        secret: String,
    },
}

/// A value that the sender is to provide.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Variable {
    /// Its type. Values from forms, query, headers and path are converted; JSON values must already have it.
    #[serde(rename = "type")]
    pub kind: VariableType,
    /// What it means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether a request without it is refused. Default: no.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// What it is when the request does not have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// What it may look like: for documentation, previews and test runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<Value>,
    /// Where it is found. Default: the body's member of the same name, then the query's, then the path's.
    #[serde(rename = "from", skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

/// The types a variable can have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "they are the types of JSON")]
pub enum VariableType {
    #[default]
    String,
    Number,
    Boolean,
    Object,
    Array,
}

/// Where a variable's value is found. Written as a map with one key: `{ header: X-Total }`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A path into the parsed body: `customer.email`, `items.0.sku`.
    Body(String),
    /// A query parameter.
    Query(String),
    /// A header, matched without case.
    Header(String),
    /// A `:name` segment of the hook's own path.
    Path(String),
}

/// Names under which parts of the request are kept as run variables.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Memory {
    /// The variable that holds the headers as an object with lower-case names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<String>,
    /// The variable that holds the parsed body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// What the sender gets for an accepted request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Response {
    /// When it is answered.
    #[serde(skip_serializing_if = "ResponseMode::is_default")]
    pub mode: ResponseMode,
    /// The status. Default: 202 when answered immediately without a body, else 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Extra headers; values may hold expressions.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub headers: Map<String, Value>,
    /// The body; texts may hold expressions. A text is sent as `text/plain`, anything else as JSON.
    /// Default: the delivery's and the run's id, or with `when_finished` the output of the last step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// With `when_finished` and `respond`: how long the sender waits before it gets 202 with the run's id. Default 30s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Span>,
    /// With `when_finished` and `respond`: the answer for a failed run. Default: 500 with problem details.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<FailureAnswer>,
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
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The answer for a failed run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct FailureAnswer {
    /// The status. Default 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The body; texts may hold expressions (`{{ run.error.message }}`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}
