//! What starts a workflow: for now, a webhook.
//!
//! The types as they are written: whether they make sense together is asked by `validate`.

mod address;
mod auth;
mod body_path;
mod body_schema;
mod dedupe;
mod preset;
mod response;
mod signature;
mod variable;

pub use crate::request::Encoding;
pub use address::{AddressRange, AddressRangeError};
pub use auth::{Auth, BodyHash, Credential, Jwt, JwtAlgorithm, JwtKey, SecretNames, Yes};
pub use body_path::{BodyPath, BodyPathError, Segment};
pub use body_schema::{BodySchema, SchemaFinding};
pub use dedupe::{Dedupe, DedupeKey};
pub use preset::{PRESETS, PresetInfo, PresetKind, SecretUse, preset};
pub(super) use preset::{knowing as presets_knowing, meant as preset_meant};
pub use response::{ContentType, FallbackAnswer, Response, ResponseMode};
pub use signature::{
    Field, Grammar, HandshakeKind, KeyForm, Place, Signature, SignatureAlgorithm, SignatureEncoding, SignedPart, TimestampPlace,
    TimestampUnit, UrlForm,
};
pub use variable::{Source, Variable, VariableType};

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// Who sends: a provider (its signature, delivery id, event type, handshake) or a product whose receiver this hook
    /// stands in for (its URL, credential, required variables and answers).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = preset::ids()))]
    pub preset: Option<String>,
    /// The stored secrets of the preset, any of which is right: what the provider shows, or the product's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretNames>,
    /// Product presets: the parts of the product's own form of the URL, so that existing URLs go on to work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<ProductIds>,
    /// Where the provider sends to, exactly as registered there. Default: this server's public URL of the hook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// The name of a stored secret: the text that the provider repeats when the hook is registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify_token: Option<String>,
    /// The signer's certificate as PEM text, used instead of fetching the one that a request names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The id that the provider gave to the hook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_id: Option<String>,
    /// The name of a stored secret: the text that every notification must repeat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_state: Option<String>,
    /// How old a signed request may be. Default: what the preset says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Span>,
    /// Whether the provider's handshake is answered. Default: yes, if the preset has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handshake: Option<bool>,
    /// How requests are signed. Only with the presets `hmac` and `ed25519`, which need it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<Box<Signature>>,
    /// Who may call. Default: everyone who knows the URL, or whom the preset lets in. Beside a preset both are asked for,
    /// unless `signature: true` stands among the credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// The addresses and networks that may call. Empty: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_ips: Vec<AddressRange>,
    /// How many requests are accepted. More are refused with 429.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// Which web pages may call from a browser. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
    /// The content encodings that are undone. Default: none, compressed bodies are refused with 415.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub encodings: Vec<Encoding>,
    /// Bodies larger than this many bytes are refused with 413. Default and upper bound: the server's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes_max: Option<u64>,
    /// When two requests are the same delivery. Default: the preset's delivery id, or the header `Idempotency-Key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dedupe: Option<Dedupe>,
    /// An expression. If it is false the delivery is kept as filtered and starts nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only_if: Option<String>,
    /// The path of an array in the body: one run for each of its elements.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<BodyPath>,
    /// What must be, and what may be, in the request; by name, in the order written.
    #[serde(skip_serializing_if = "indexed::is_empty")]
    #[schemars(with = "BTreeMap<String, Variable>")]
    pub variables: indexed::Map<Variable>,
    /// A JSON Schema (2020-12) that the body must match, beside what the variables ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<BodySchema>,
    /// The name of one more variable: the whole body as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_body: Option<String>,
    /// Names under which headers and body are kept as run variables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// What the sender gets. Default: 202 with the ids, at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<Response>,
}

impl WebhookTrigger {
    /// What is known of the trigger's preset; `None` without one, or if nobody knows it.
    #[must_use]
    pub fn preset_info(&self) -> Option<&'static PresetInfo> {
        preset(self.preset.as_deref()?)
    }
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

/// The parts of a product's own form of the URL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ProductIds {
    /// The workspace's part, where the product has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// The workflow's part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
}

/// How many requests are accepted in a length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RateLimit {
    /// So many requests …
    pub requests: u32,
    /// … in this length of time.
    pub per: Span,
}

/// Which web pages may call from a browser.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Cors {
    /// Their origins, such as `https://shop.example`; `*` for all.
    pub origins: Vec<String>,
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
