//! How the sender of a preset shows who it is, in words and as far as a caller can do it itself.

use std::borrow::Cow;

use hookmill_engine::workflow::WebhookTrigger;
use hookmill_signatures::{Algorithm, Encoding, Grammar, KeyForm, Need, Part, Place, Preset, Proof, Scheme, Unit};

use crate::ingress;

/// What a preset asks of its sender.
#[derive(Clone, Debug)]
pub(super) struct Signer {
    preset: &'static Preset,
    /// The scheme that signatures follow, if they follow one.
    pub(super) scheme: Option<Scheme>,
}

impl Signer {
    /// What the preset of a trigger asks for; `None` if it has none, or one of a product.
    pub(super) fn of(trigger: &WebhookTrigger) -> Option<Self> {
        let preset = hookmill_signatures::preset(trigger.preset.as_deref()?)?;
        let scheme = match preset.proof {
            Proof::Signature => preset.schemes.first().cloned(),
            Proof::Configured => ingress::described_scheme(trigger),
            Proof::Token(_) | Proof::ClientState | Proof::Sns | Proof::MessageSignature | Proof::Unproven => None,
        };
        Some(Self { preset, scheme })
    }

    /// As written in the document.
    pub(super) fn id(&self) -> &'static str {
        self.preset.id
    }

    /// As people call it.
    pub(super) fn name(&self) -> &'static str {
        self.preset.name
    }

    /// The page that documents it.
    pub(super) fn source(&self) -> &'static str {
        self.preset.source
    }

    /// Whether the sender cannot be told by a secret that the hook may lack.
    pub(super) fn is_optional(&self, trigger: &WebhookTrigger) -> bool {
        self.preset.secret == Need::Optional && trigger.secret.is_none()
    }

    /// Whether the secret itself is presented.
    pub(super) fn is_token(&self) -> bool {
        matches!(self.preset.proof, Proof::Token(_))
    }

    /// Where the signature, or the secret itself, is presented: the places that a description can name.
    pub(super) fn places(&self) -> Vec<Place> {
        match (self.preset.proof, &self.scheme) {
            (_, Some(scheme)) => vec![scheme.signature.clone()],
            (Proof::Token(places), None) => places.to_vec(),
            (Proof::MessageSignature, None) => vec![Place::Header("signature".into())],
            _ => Vec::new(),
        }
    }

    /// Other headers without which a signature is not looked at.
    pub(super) fn further_headers(&self) -> Vec<(Cow<'static, str>, &'static str)> {
        let mut headers = Vec::new();
        if let Some(scheme) = &self.scheme {
            if let Some(Place::Header(name)) = scheme.timestamp.as_ref().map(|timestamp| &timestamp.place) {
                let unit = scheme.timestamp.as_ref().map_or(Unit::Seconds, |timestamp| timestamp.unit);
                headers.push((name.clone(), unit_in_words(unit)));
            }
            if let Some(Place::Header(name)) = scheme.id.as_ref().filter(|_| scheme.signed.contains(&Part::Id)) {
                headers.push((name.clone(), "The id of the delivery: the same when it is sent again."));
            }
        }
        if self.preset.proof == Proof::MessageSignature {
            headers.push(("signature-input".into(), "What is signed, and when (RFC 9421)."));
        }
        headers
    }

    /// What has to be done, in words.
    pub(super) fn in_words(&self) -> String {
        let source = self.source();
        match (self.preset.proof, &self.scheme) {
            (_, Some(scheme)) => format!("{} Documented at {source}.", scheme_in_words(scheme)),
            (Proof::Token(_), None) => format!("The secret itself, as {} sends it. Documented at {source}.", self.name()),
            (Proof::ClientState, None) => {
                format!("Every notification in `value` repeats the subscription's `clientState`. Documented at {source}.")
            }
            (Proof::Sns, None) => {
                format!("The members of the body are signed with Amazon's certificate. Documented at {source}.")
            }
            (Proof::MessageSignature, None) => format!("An HTTP message signature. Documented at {source}."),
            (Proof::Signature | Proof::Configured | Proof::Unproven, None) => format!("Documented at {source}."),
        }
    }
}

fn unit_in_words(unit: Unit) -> &'static str {
    match unit {
        Unit::Seconds => "When the request was signed, in seconds since 1970.",
        Unit::Millis => "When the request was signed, in milliseconds since 1970.",
        Unit::Rfc3339 => "When the request was signed, as 2026-03-14T09:26:53Z.",
    }
}

fn scheme_in_words(scheme: &Scheme) -> String {
    let algorithm = match scheme.algorithm {
        Algorithm::Hmac(hash) => format!("HMAC-{}", hash.name().to_uppercase()),
        Algorithm::SecretThenTextSha256 => "SHA256 of the secret followed by the text".to_owned(),
        Algorithm::Ed25519 => "Ed25519 signature".to_owned(),
        Algorithm::EcdsaP256 => "ECDSA signature on P-256".to_owned(),
        Algorithm::Rsa(hash) => format!("RSA signature with {}", hash.name().to_uppercase()),
    };
    let signed: Vec<String> = scheme.signed.iter().map(part_in_words).collect();
    let key = match &scheme.key {
        KeyForm::Encoded(encoding, prefix) if prefix.is_empty() => {
            format!("; the key is the {} of the secret", decoded(*encoding))
        }
        KeyForm::Encoded(encoding, prefix) => {
            format!("; the key is the {} of what follows `{prefix}` in the secret", decoded(*encoding))
        }
        KeyForm::Text | KeyForm::Spki | KeyForm::Pem | KeyForm::Certificate => String::new(),
    };
    let form = match &scheme.grammar {
        Grammar::Bare => String::new(),
        Grammar::Prefix(prefix) => format!(" after `{prefix}`"),
        Grammar::Pairs { separator, key } => format!(" as `{key}=…` in a list separated by `{separator}`"),
        Grammar::Versions(version) => format!(" as `{version},…`"),
    };
    format!("{algorithm} over {}, in {}{form}, in {}{key}.", signed.join(" + "), scheme.encoding.name(), scheme.signature)
}

fn decoded(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Hex => "hex decoding",
        Encoding::Base64 => "base64 decoding",
        Encoding::Base64Url => "base64url decoding",
    }
}

fn part_in_words(part: &Part) -> String {
    match part {
        Part::Body => "the body".to_owned(),
        Part::BodyCrc32 => "the CRC-32 of the body".to_owned(),
        Part::Member(path) => format!("`{path}` of the body"),
        Part::Timestamp => "the time".to_owned(),
        Part::Id => "the id".to_owned(),
        Part::Method => "the method".to_owned(),
        Part::Url(_) => "the URL".to_owned(),
        Part::Path => "the path".to_owned(),
        Part::Query => "the query".to_owned(),
        Part::SortedForm => "the sorted fields of the form".to_owned(),
        Part::WebhookId => "the id of the webhook".to_owned(),
        Part::Literal(text) => format!("`{text}`"),
    }
}
