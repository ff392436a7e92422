//! Who may call: credentials, alone and combined.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::signature::SignatureEncoding;

/// Who may call. Written `{ any: […] }` or `{ all: […] }`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// One of these must be right. Empty means everyone.
    Any(Vec<Credential>),
    /// All of these must be right. Empty means everyone.
    All(Vec<Credential>),
}

impl Auth {
    /// The credentials, however they are combined.
    #[must_use]
    pub fn credentials(&self) -> &[Credential] {
        match self {
            Self::Any(credentials) | Self::All(credentials) => credentials,
        }
    }

    /// Whether the preset's signature is one of the credentials.
    #[must_use]
    pub fn names_signature(&self) -> bool {
        self.credentials().iter().any(Credential::names_signature)
    }
}

/// One way to show who is calling. Secrets are named here, never written.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// The secret in the query: `?key=…`.
    SharedKey(SecretNames),
    /// The secret in `Authorization: Bearer …`.
    Bearer(SecretNames),
    /// An API key of the workspace in `Authorization: Bearer …`.
    ApiKey(Yes),
    /// The secret in a header of its own.
    Header {
        /// The header's name, matched without case.
        name: String,
        /// The stored secrets.
        secret: SecretNames,
    },
    /// User and password in `Authorization: Basic …` (RFC 7617).
    Basic {
        /// The user's name.
        user: String,
        /// The stored secrets: passwords.
        secret: SecretNames,
    },
    /// AppKey and Sign in body, query or headers. The secret's text is `appKey:sign`.
    AppKey(SecretNames),
    /// A JSON Web Token (RFC 7519), in `Authorization: Bearer …` unless it says otherwise.
    Jwt(Box<Jwt>),
    /// The signature that the trigger's preset asks for.
    Signature(Yes),
    /// One of these must be right.
    Any(Vec<Credential>),
    /// All of these must be right.
    All(Vec<Credential>),
}

impl Credential {
    fn names_signature(&self) -> bool {
        match self {
            Self::Signature(Yes) => true,
            Self::Any(inner) | Self::All(inner) => inner.iter().any(Self::names_signature),
            Self::SharedKey(_)
            | Self::Bearer(_)
            | Self::ApiKey(_)
            | Self::Header { .. }
            | Self::Basic { .. }
            | Self::AppKey(_)
            | Self::Jwt(_) => false,
        }
    }
}

/// What a JSON Web Token must be.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Jwt {
    /// The algorithms that are accepted, whatever the token says.
    pub algorithms: Vec<JwtAlgorithm>,
    /// What its signature is checked with.
    #[serde(flatten)]
    pub key: JwtKey,
    /// What `iss` must be. Default: anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// What `aud` must be or hold. Default: anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// The header in which it stands, bare or behind `Bearer`. Default: `Authorization`, behind `Bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// A claim that must be the SHA-256 of the body, so that the token signs the body. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_hash: Option<BodyHash>,
}

/// The claim of a token that holds the SHA-256 of the body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BodyHash {
    /// Its name: `sha256`, `payload_hash`.
    pub claim: String,
    /// How it is written. Default: `hex`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<SignatureEncoding>,
}

/// What the signature of a token is checked with.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JwtKey {
    /// The stored secrets: keys of the `HS` algorithms.
    Secret(SecretNames),
    /// A public key as PEM text: of the `RS` and `ES` algorithms.
    PublicKey(String),
    /// A set of keys (RFC 7517), of which the token names one.
    Jwks(Value),
}

/// An algorithm of RFC 7518 section 3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "they are the names of RFC 7518")]
pub enum JwtAlgorithm {
    HS256,
    HS384,
    HS512,
    RS256,
    RS384,
    RS512,
    ES256,
    ES384,
}

impl JwtAlgorithm {
    /// Every algorithm and its name.
    pub const ALL: [(&'static str, Self); 8] = [
        ("HS256", Self::HS256),
        ("HS384", Self::HS384),
        ("HS512", Self::HS512),
        ("RS256", Self::RS256),
        ("RS384", Self::RS384),
        ("RS512", Self::RS512),
        ("ES256", Self::ES256),
        ("ES384", Self::ES384),
    ];

    /// Whether signer and receiver share one secret.
    #[must_use]
    pub fn is_symmetric(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }
}

/// Names of stored secrets, any of which is right: several while they are being rotated. One is written without a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretNames(pub Vec<String>);

impl SecretNames {
    /// The names in the order written.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl From<&str> for SecretNames {
    fn from(name: &str) -> Self {
        Self(vec![name.to_owned()])
    }
}

impl Serialize for SecretNames {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => serializer.serialize_str(one),
            several => several.serialize(serializer),
        }
    }
}

impl JsonSchema for SecretNames {
    fn schema_name() -> Cow<'static, str> {
        "SecretNames".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The name of a stored secret, or several names, any of which is right.",
            "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }]
        })
    }
}

/// A key that is there or not: written `true`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Yes;

impl Serialize for Yes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(true)
    }
}

impl JsonSchema for Yes {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Yes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "boolean", "const": true })
    }
}
