//! What `http.request` takes.

use hookmill_engine::time::Span;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::expect::Expected;
use crate::files::FileRef;

/// What `http.request` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// The method: GET (default), POST, PUT, PATCH, DELETE, HEAD, OPTIONS or another one the other side knows.
    #[serde(default = "get")]
    pub method: String,
    /// Where to, http or https.
    pub url: String,
    /// Added to the URL's query. A list repeats the name, null leaves it out.
    #[serde(default)]
    pub query: IndexMap<String, Scalars>,
    /// Headers. A list repeats the header, null leaves it out.
    #[serde(default)]
    pub headers: IndexMap<String, Scalars>,
    /// The body: any value, sent as JSON.
    #[serde(default, deserialize_with = "present")]
    pub json: Option<Value>,
    /// The body: a form (`application/x-www-form-urlencoded`). A list repeats the field, null leaves it out.
    #[serde(default)]
    pub form: Option<IndexMap<String, Scalars>>,
    /// The body: a multipart form with texts and files.
    #[serde(default)]
    pub multipart: Option<Vec<Part>>,
    /// The body: a text as it is. Set `Content-Type` in `headers`; default `text/plain; charset=utf-8`.
    #[serde(default)]
    pub raw: Option<String>,
    /// The body: bytes in base64. Default content type `application/octet-stream`.
    #[serde(default)]
    pub base64: Option<String>,
    /// The body: a stored file, by its id or as an earlier step gave it.
    #[serde(default)]
    pub file: Option<FileSource>,
    /// How the request proves who sends it.
    #[serde(default)]
    pub credential: Option<Credential>,
    /// How long the whole request may take, up to the step's own timeout. Default 30s.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
    /// How many redirects are followed: 0 (default) to 5. Each target is checked; another origin gets no credentials.
    #[serde(default)]
    #[schemars(range(max = 5))]
    pub redirects: u32,
    /// The statuses that count as success: numbers, ranges such as `200-204`, classes such as `2xx`. Default `2xx`.
    #[serde(default)]
    pub expect: Expected,
    /// What to make of the answer's body. Default `auto`: by its content type, a large one becomes a file.
    #[serde(default)]
    pub response: ResponseAs,
    /// The largest body to accept, after decompression. Default 10 MiB, 100 MiB for a file.
    #[serde(default)]
    pub max_bytes: Option<u64>,
    /// Whether to send the step's idempotency key with methods that are not idempotent by themselves: true (default),
    /// false, or the name of the header to send it in instead of `Idempotency-Key`.
    #[serde(default)]
    pub idempotency_key: KeyHeader,
}

/// A text, number or truth value, or a list of them; null for none.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalars {
    /// None.
    None,
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(serde_json::Number),
    /// A text.
    Text(String),
    /// Several.
    List(Vec<Scalar>),
}

/// A text, number or truth value.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(serde_json::Number),
    /// A text.
    Text(String),
}

/// One part of a multipart form.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The field's name.
    pub name: String,
    /// The content: a text (anything else is sent as JSON). Exactly one of `value`, `base64`, `file`.
    #[serde(default, deserialize_with = "present")]
    pub value: Option<Value>,
    /// The content: bytes in base64.
    #[serde(default)]
    pub base64: Option<String>,
    /// The content: a stored file.
    #[serde(default)]
    pub file: Option<FileSource>,
    /// The file name to tell. Default: that of the file, none for a value.
    #[serde(default)]
    pub filename: Option<String>,
    /// The content type to tell. Default: that of the file.
    #[serde(default)]
    pub content_type: Option<String>,
}

/// A stored file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum FileSource {
    /// By its id.
    Id(String),
    /// As an earlier step gave it.
    Ref(FileRef),
}

impl FileSource {
    /// The file's id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Id(id) => id,
            Self::Ref(file) => &file.id,
        }
    }
}

/// How a request proves who sends it.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Credential {
    /// HTTP basic authentication.
    Basic(Basic),
    /// `Authorization: Bearer …`.
    Bearer(String),
    /// OAuth 2.0 client credentials: a token is fetched, kept until it expires, renewed once when it is refused.
    Oauth2(OAuth2),
}

impl std::fmt::Debug for Credential {
    /// Never shows what is secret in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Basic(_) => "Basic(***)",
            Self::Bearer(_) => "Bearer(***)",
            Self::Oauth2(_) => "Oauth2(***)",
        })
    }
}

/// User name and password.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// The user name.
    pub username: String,
    /// The password.
    #[serde(default)]
    pub password: String,
}

/// Where and how to fetch a token.
#[derive(Clone, Deserialize, JsonSchema, PartialEq, Eq, Hash)]
#[serde(deny_unknown_fields)]
pub struct OAuth2 {
    /// Where tokens are given out.
    pub token_url: String,
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: String,
    /// What the token shall allow.
    #[serde(default)]
    pub scope: Option<String>,
    /// Whom the token is for, where the provider asks for it.
    #[serde(default)]
    pub audience: Option<String>,
    /// Where the client's id and secret are put: `header` (default) or `body`.
    #[serde(default)]
    pub send_as: ClientAuth,
}

/// Where a token request carries the client's id and secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// Basic authentication.
    #[default]
    Header,
    /// Form fields.
    Body,
}

/// What to make of the answer's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResponseAs {
    /// By its content type; a large one becomes a file.
    #[default]
    Auto,
    /// JSON, whatever its content type.
    Json,
    /// A text, whatever its content type.
    Text,
    /// Base64 of the bytes.
    Base64,
    /// A stored file.
    File,
}

/// Whether and where the idempotency key is sent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum KeyHeader {
    /// In `Idempotency-Key`, or not at all.
    Switch(bool),
    /// In the header of this name.
    Named(String),
}

impl Default for KeyHeader {
    fn default() -> Self {
        Self::Switch(true)
    }
}

impl Scalars {
    /// The values as texts.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        match self {
            Self::None => Vec::new(),
            Self::Bool(value) => vec![value.to_string()],
            Self::Number(value) => vec![value.to_string()],
            Self::Text(value) => vec![value.clone()],
            Self::List(values) => values.iter().map(Scalar::text).collect(),
        }
    }
}

impl Scalar {
    fn text(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Text(value) => value.clone(),
        }
    }
}

/// Tells `json: null` (a body) from no `json` at all.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn get() -> String {
    "GET".to_owned()
}

fn default_timeout() -> Span {
    Span(30_000)
}

/// An input with these fields, for tests.
#[cfg(test)]
pub(super) fn input(fields: Value) -> Input {
    let mut all = serde_json::Map::from_iter([("url".to_owned(), Value::from("http://example.com/"))]);
    all.extend(fields.as_object().cloned().expect("fields are an object"));
    serde_json::from_value(Value::Object(all)).expect("a valid input")
}
