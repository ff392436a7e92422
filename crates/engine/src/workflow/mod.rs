//! The workflow document: what people write in YAML or JSON.
//!
//! These types are the truth: the JSON Schema is generated from them, the canonical text is written from them.
//! Reading with *all* problems at once is [`read`], text is [`to_yaml`] and [`to_json`].

mod catalog;
mod check;
mod decode;
mod node;
mod problem;
mod read;
mod report;
mod schema;
mod settings;
mod step;
mod text;
mod trigger;
mod validate;

pub use catalog::{ActionInfo, Catalog};
pub use check::check;
pub use node::{DOCUMENT_BYTES_MAX, DOCUMENT_DEPTH_MAX, DOCUMENT_WEIGHT_MAX};
pub use problem::{Problem, Severity};
pub use read::{name_of, read};
pub use report::PROBLEMS_MAX;
pub(crate) use report::push_key;
pub use schema::json_schema;
pub use settings::Settings;
pub use step::{Backoff, Case, OnError, OnUnknown, Retry, Step, StepKind, StopOutcome, Wait};
pub use text::{to_json, to_yaml};
pub use trigger::{
    AddressRange, AddressRangeError, Auth, BodyHash, BodyPath, BodyPathError, BodySchema, ContentType, Cors, Credential, Dedupe,
    DedupeKey, Encoding, FallbackAnswer, Field, Grammar, HandshakeKind, Jwt, JwtAlgorithm, JwtKey, KeyForm, Memory, Method,
    PRESETS, Place, PresetInfo, PresetKind, ProductIds, RateLimit, Response, ResponseMode, SchemaFinding, SecretNames, SecretUse,
    Segment, Signature, SignatureAlgorithm, SignatureEncoding, SignedPart, Source, TimestampPlace, TimestampUnit, Trigger,
    UrlForm, Variable, VariableType, WebhookTrigger, Yes, preset,
};

pub use validate::{
    ALLOWED_ADDRESSES_MAX, ATTEMPTS_MAX, BRANCHES_MAX, CONCURRENCY_MAX, CREDENTIALS_MAX, DESCRIPTION_CHARS_MAX, ID_CHARS_MAX,
    ITERATIONS_MAX, LOOP_CONCURRENCY_MAX, NAME_CHARS_MAX, NESTED_VARIABLES_MAX, ORIGINS_MAX, PEM_CHARS_MAX, RATE_REQUESTS_MAX,
    SECRETS_MAX, STEP_DEPTH_MAX, STEPS_MAX, TRIGGERS_MAX, VARIABLE_DEPTH_MAX, VARIABLES_MAX, validate,
};

use schemars::JsonSchema;
use serde::Serialize;

/// The version of the document format that this binary reads and writes.
pub const FORMAT: u32 = 1;

/// A whole workflow document.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Workflow {
    /// The version of the document format: 1.
    #[serde(rename = "hookmill")]
    pub format: u32,
    /// What people call it. Unique within the workspace: publishing a document with the same name makes a new revision.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What starts it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<Trigger>,
    /// How its runs behave as a whole.
    #[serde(skip_serializing_if = "Settings::is_default")]
    pub settings: Settings,
    /// What it does, in order.
    pub steps: Vec<Step>,
}
