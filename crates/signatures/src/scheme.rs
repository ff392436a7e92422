//! The axes along which real senders differ. A scheme is one point in that space; judging it is done elsewhere.

use std::borrow::Cow;

use crate::place::Place;

/// How a sender signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheme {
    /// Where the signature stands.
    pub signature: Place,
    /// How it stands there.
    pub grammar: Grammar,
    /// What it is.
    pub algorithm: Algorithm,
    /// How its bytes are written.
    pub encoding: Encoding,
    /// How the secret is written.
    pub key: KeyForm,
    /// What is signed, in order.
    pub signed: Cow<'static, [Part]>,
    /// When it was signed.
    pub timestamp: Option<Timestamp>,
    /// The delivery's id: for [`Part::Id`] and for deduplication.
    pub id: Option<Place>,
    /// The event type, for the workflow.
    pub event: Option<Place>,
    /// A query parameter that is the SHA-256 of the body in hex; only requests that have it are signed so.
    pub body_hash: Option<Cow<'static, str>>,
}

/// How a signature stands in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grammar {
    /// Nothing but the signature.
    Bare,
    /// After a fixed prefix, as `sha256=`.
    Prefix(Cow<'static, str>),
    /// In a list `t=…,v1=…`. Several with the key are alternatives; other keys are skipped.
    Pairs {
        /// Between two pairs; spaces around a pair do not count.
        separator: char,
        /// The key of a signature.
        key: Cow<'static, str>,
    },
    /// In a list `v1,… v1a,…` separated by spaces. Several are alternatives; other versions are skipped.
    Versions(Cow<'static, str>),
}

/// What a signature is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// A keyed hash (RFC 2104).
    Hmac(Hash),
    /// SHA-256 of the secret followed by the text (HubSpot v1, v2).
    SecretThenTextSha256,
    /// RFC 8032.
    Ed25519,
    /// ECDSA on P-256 with SHA-256, the signature as ASN.1.
    EcdsaP256,
    /// RSA PKCS#1 v1.5 with SHA-1 or SHA-256, 2048 to 8192 bits.
    Rsa(Hash),
}

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// Only because senders still use it, and only inside HMAC or an RSA signature of a pinned sender.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// How bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Hexadecimal, either case.
    Hex,
    /// Base64 with or without padding.
    Base64,
    /// The URL-safe alphabet, with or without padding.
    Base64Url,
}

/// How a secret is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyForm {
    /// Its bytes are the key.
    Text,
    /// Encoded, after a prefix that may be missing (`whsec_`; empty if there is none).
    Encoded(Encoding, Cow<'static, str>),
    /// A public key as base64 of its SubjectPublicKeyInfo (RFC 5280), or of the bare key.
    Spki,
    /// A public key or certificate as PEM.
    Pem,
    /// The certificate of the settings, as PEM.
    Certificate,
}

/// A part of what is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The body as received.
    Body,
    /// CRC-32 of the body as an unsigned decimal.
    BodyCrc32,
    /// A member of the JSON body, as text.
    Member(Cow<'static, str>),
    /// The timestamp as received.
    Timestamp,
    /// The delivery's id.
    Id,
    /// The method in upper case.
    Method,
    /// The public URL with its query.
    Url(UrlForm),
    /// The path as received, without the query.
    Path,
    /// The query as received, without the `?`.
    Query,
    /// The parameters of a form body, sorted by name then value, each pair once, names and values joined without separators.
    SortedForm,
    /// The webhook's id of the settings.
    WebhookId,
    /// Fixed text.
    Literal(Cow<'static, str>),
}

/// Which spelling of the public URL is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlForm {
    /// As configured.
    Exact,
    /// As configured, or with the default port added or taken away (Twilio).
    EitherPort,
    /// With `: / ? @ ! $ ' ( ) * , ;` percent-decoded (HubSpot).
    Decoded,
}

/// When a request was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timestamp {
    /// Where it stands.
    pub place: Place,
    /// How it is written.
    pub unit: Unit,
    /// How far from now it may be; `None` is any distance.
    pub window: Option<Window>,
}

/// How a time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Millis,
    /// RFC 3339, as `2026-11-21T10:00:00Z`.
    Rfc3339,
}

/// How far a timestamp may be from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// How old, in milliseconds.
    pub past_ms: u64,
    /// How far in the future, in milliseconds; `None` is any distance.
    pub future_ms: Option<u64>,
}

impl Window {
    /// The same both ways.
    #[must_use]
    pub const fn both(window_ms: u64) -> Self {
        Self { past_ms: window_ms, future_ms: Some(window_ms) }
    }
}

impl Hash {
    /// As it is called in prefixes: `sha256`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }
}

impl Encoding {
    /// In words, for messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hex => "hex",
            Self::Base64 => "base64",
            Self::Base64Url => "base64url",
        }
    }
}

impl Scheme {
    /// A bare signature of the body with the secret as it is shown: the start of every description.
    #[must_use]
    pub const fn of_body(signature: Place, grammar: Grammar, algorithm: Algorithm, encoding: Encoding) -> Self {
        Self::of(signature, grammar, algorithm, encoding, &[Part::Body], None)
    }

    /// A signature of the given parts with the secret as it is shown.
    #[must_use]
    pub const fn of(
        signature: Place,
        grammar: Grammar,
        algorithm: Algorithm,
        encoding: Encoding,
        signed: &'static [Part],
        timestamp: Option<Timestamp>,
    ) -> Self {
        Self {
            signature,
            grammar,
            algorithm,
            encoding,
            key: KeyForm::Text,
            signed: Cow::Borrowed(signed),
            timestamp,
            id: None,
            event: None,
            body_hash: None,
        }
    }
}
