//! How requests are signed, for senders that no preset knows: every axis on its own.
//!
//! Which of them go together is asked by `validate`; how a signature is checked is none of this crate's business.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::body_path::BodyPath;
use crate::time::Span;

/// How requests are signed. Everything but the place of the signature has a default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Signature {
    /// Where the signature is.
    #[serde(flatten)]
    pub place: Place,
    /// What stands there.
    #[serde(skip_serializing_if = "Grammar::is_default")]
    pub grammar: Grammar,
    /// With `grammar: prefix`: what stands before the signature, such as `sha256=`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// With `grammar: pairs`: what stands between the pairs. Default: a comma.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// With `grammar: pairs`: the key of the signature. With `grammar: versions`: its version. Default: `v1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// With `grammar: pairs`: the key of the time, when `timestamp` does not say where it is. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp_key: Option<String>,
    /// How it is made. Default: `sha256` with the preset `hmac`, `ed25519` with the preset `ed25519`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<SignatureAlgorithm>,
    /// How the signature is written. Default: `hex`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<SignatureEncoding>,
    /// How the key is written in the stored secret. Default: `text` for `hmac`, `hex` for Ed25519, `spki` for ECDSA and RSA.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_form: Option<KeyForm>,
    /// What stands before the key in the stored secret, such as `whsec_`. A secret without it is taken as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_prefix: Option<String>,
    /// What is signed, one after the other. Default: the body.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signed: Vec<SignedPart>,
    /// Which spelling of the public URL is signed. Default: `exact`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_form: Option<UrlForm>,
    /// Where the time of signing is. Default: nowhere, or at `timestamp_key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<TimestampPlace>,
    /// What the time is counted in. Default: `s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp_unit: Option<TimestampUnit>,
    /// How old a request may be. Default: 5m where there is a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Span>,
    /// Whether a time in the future counts as right, whatever the window. Default: no, it may be off by the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub future: Option<bool>,
    /// Where the delivery's id is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Field>,
    /// Where the type of the event is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<Field>,
    /// The sender asks a question before it sends, as the sender of this preset does. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handshake: Option<HandshakeKind>,
}

/// Where the signature is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In a header, matched without case. `X-Signature-*` are `X-Signature-1`, `X-Signature-2` and so on: any of them may be
    /// right.
    Header(String),
    /// In a query parameter.
    Query(String),
    /// In the JSON body.
    Body(BodyPath),
}

/// What stands at the place of the signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Grammar {
    /// The signature alone.
    #[default]
    Bare,
    /// The signature behind a fixed text: `sha256=…`.
    Prefix,
    /// Keys and values: `t=1700000000,v1=…`. Any of several signatures may be right.
    Pairs,
    /// Versions and signatures, separated by spaces: `v1,… v1,…`. Any of several may be right.
    Versions,
}

impl Grammar {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignatureAlgorithm {
    /// HMAC-SHA1. Only of `hmac`, as the next four.
    Sha1,
    /// HMAC-SHA256.
    Sha256,
    /// HMAC-SHA384.
    Sha384,
    /// HMAC-SHA512.
    Sha512,
    /// SHA-256 of the secret followed by what is signed. Weaker than an HMAC: only for senders that do nothing else.
    PlainSha256,
    /// Ed25519. Only of `ed25519`, as all that follow.
    Ed25519,
    /// ECDSA on P-256 with SHA-256, the signature as ASN.1.
    EcdsaP256,
    /// RSA PKCS#1 v1.5 with SHA-1, 2048 to 8192 bits, as the next three. Only for senders that do nothing else.
    RsaSha1,
    /// With SHA-256.
    RsaSha256,
    /// With SHA-384.
    RsaSha384,
    /// With SHA-512.
    RsaSha512,
}

impl SignatureAlgorithm {
    /// All of them, as they are written.
    pub const ALL: [(&'static str, Self); 11] = [
        ("sha1", Self::Sha1),
        ("sha256", Self::Sha256),
        ("sha384", Self::Sha384),
        ("sha512", Self::Sha512),
        ("plain_sha256", Self::PlainSha256),
        ("ed25519", Self::Ed25519),
        ("ecdsa_p256", Self::EcdsaP256),
        ("rsa_sha1", Self::RsaSha1),
        ("rsa_sha256", Self::RsaSha256),
        ("rsa_sha384", Self::RsaSha384),
        ("rsa_sha512", Self::RsaSha512),
    ];

    /// Whether the two sides share a secret, rather than the receiver having a public key.
    #[must_use]
    pub fn is_shared(self) -> bool {
        matches!(self, Self::Sha1 | Self::Sha256 | Self::Sha384 | Self::Sha512 | Self::PlainSha256)
    }
}

/// Which spelling of the public URL is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UrlForm {
    /// As `public_url` says.
    Exact,
    /// As `public_url` says, or with the default port added or taken away.
    EitherPort,
    /// With `: / ? @ ! $ ' ( ) * , ;` percent-decoded.
    Decoded,
}

/// A question that a sender asks before it sends, told by the preset whose sender asks it so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "they are the ids of presets")]
pub enum HandshakeKind {
    Slack,
    Zoom,
    Discord,
    Websub,
    Dropbox,
    MicrosoftGraph,
    AzureEventGrid,
    Cloudevents,
    Asana,
    Notion,
    Meta,
    X,
}

impl HandshakeKind {
    /// All of them, as they are written. That of `sns` needs more than a signature that a document describes.
    pub const ALL: [(&'static str, Self); 12] = [
        ("slack", Self::Slack),
        ("zoom", Self::Zoom),
        ("discord", Self::Discord),
        ("websub", Self::Websub),
        ("dropbox", Self::Dropbox),
        ("microsoft-graph", Self::MicrosoftGraph),
        ("azure-event-grid", Self::AzureEventGrid),
        ("cloudevents", Self::Cloudevents),
        ("asana", Self::Asana),
        ("notion", Self::Notion),
        ("meta", Self::Meta),
        ("x", Self::X),
    ];

    /// Whether it repeats a token that the owner chose.
    #[must_use]
    pub fn has_verify_token(self) -> bool {
        matches!(self, Self::Meta | Self::Websub)
    }

    /// The id of the preset.
    #[must_use]
    pub fn preset_id(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, kind)| *kind == self);
        found.expect("all of them are listed").0
    }
}

/// How the bytes of a signature are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignatureEncoding {
    /// Hexadecimal digits, of either case.
    Hex,
    /// RFC 4648 section 4, with or without padding.
    Base64,
    /// RFC 4648 section 5, with or without padding.
    Base64url,
}

/// How a key is written in the stored secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyForm {
    /// The bytes of the text. Only of `hmac`.
    Text,
    /// Base64 of the key's bytes.
    Base64,
    /// Hexadecimal digits of the key's bytes.
    Hex,
    /// Base64 of a SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7), or of the bare public key. Only of `ed25519`.
    Spki,
    /// The same as PEM text (RFC 7468). Only of `ed25519`.
    Pem,
}

/// A part of what is signed. Written as its name, or as `member: $.path`; any other text stands for itself, as does `literal: …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedPart {
    /// The bytes of the body.
    Body,
    /// The time as it was sent.
    Timestamp,
    /// The delivery's id.
    Id,
    /// The method, upper case.
    Method,
    /// The public URL with the query.
    Url,
    /// The path of the URL without the query.
    Path,
    /// The fields of a form, sorted by name, each name followed by its value.
    Form,
    /// The query without the question mark, as sent.
    Query,
    /// The CRC-32 of the body in decimal.
    Crc32,
    /// A member of the JSON body, as text.
    Member(BodyPath),
    /// This text.
    Literal(String),
}

impl SignedPart {
    /// The parts that have a name.
    pub const NAMED: [(&'static str, Self); 9] = [
        ("body", Self::Body),
        ("timestamp", Self::Timestamp),
        ("id", Self::Id),
        ("method", Self::Method),
        ("url", Self::Url),
        ("path", Self::Path),
        ("form", Self::Form),
        ("query", Self::Query),
        ("crc32", Self::Crc32),
    ];

    /// The part that a plain text stands for.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        let named = Self::NAMED.into_iter().find(|(name, _)| *name == text);
        named.map_or_else(|| Self::Literal(text.to_owned()), |(_, part)| part)
    }
}

impl Serialize for SignedPart {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some((name, _)) = Self::NAMED.iter().find(|(_, part)| part == self) {
            return serializer.serialize_str(name);
        }
        let mut map = match self {
            Self::Literal(text) if Self::of_text(text) == *self => return serializer.serialize_str(text),
            _ => serializer.serialize_map(Some(1))?,
        };
        match self {
            // A literal that spells the name of a part.
            Self::Literal(text) => map.serialize_entry("literal", text)?,
            Self::Member(path) => map.serialize_entry("member", path)?,
            _ => unreachable!("every other part has a name"),
        }
        map.end()
    }
}

impl JsonSchema for SignedPart {
    fn schema_name() -> Cow<'static, str> {
        "SignedPart".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = Self::NAMED.iter().map(|(name, _)| *name).collect();
        json_schema!({
            "description": "A part of what is signed. A text that is no name of a part stands for itself, as does `literal`.",
            "anyOf": [
                { "type": "string", "enum": names },
                { "type": "string" },
                { "type": "object", "properties": { "literal": { "type": "string" } }, "required": ["literal"] },
                { "type": "object", "properties": { "member": { "type": "string" } }, "required": ["member"] }
            ]
        })
    }
}

/// Where the time of signing is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimestampPlace {
    /// In a header, matched without case.
    Header(String),
    /// In a query parameter.
    Query(String),
    /// Beside the signature, under this key (`grammar: pairs`).
    Pair(String),
    /// In the JSON body.
    Body(BodyPath),
}

/// What a time is counted in, from 1970 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimestampUnit {
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
}

/// Where a fact about the delivery is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// In a header, matched without case.
    Header(String),
    /// In the JSON body.
    Body(BodyPath),
}
