//! The signature that a document describes, in the terms of those who check it.

use std::borrow::Cow;

use hookmill_engine::time::Span;
use hookmill_engine::workflow::{
    self, SignatureAlgorithm, SignatureEncoding, SignedPart, TimestampPlace, TimestampUnit, WebhookTrigger,
};
use hookmill_signatures::{
    Algorithm, Encoding, Grammar, Hash, KeyForm, Part, Place, Preset, Scheme, Timestamp, Unit, UrlForm, Window,
};

/// How old a signed request may be unless the document says otherwise.
const WINDOW: Span = Span(5 * 60 * 1_000);
/// The preset whose signatures are made with a private key.
const ED25519: &str = "ed25519";

/// The scheme of a trigger that describes one.
///
/// # Errors
/// A sentence for the owner: the parts do not go together.
pub(super) fn of(trigger: &WebhookTrigger) -> Result<Option<Scheme>, String> {
    let Some(wanted) = &trigger.signature else { return Ok(None) };
    let by_public_key = trigger.preset.as_deref() == Some(ED25519);
    let default = if by_public_key { SignatureAlgorithm::Ed25519 } else { SignatureAlgorithm::Sha256 };
    let wanted_algorithm = wanted.algorithm.unwrap_or(default);
    if wanted_algorithm.is_shared() == by_public_key {
        return Err("The algorithm of the signature does not belong to the preset.".to_owned());
    }
    let algorithm = match wanted_algorithm {
        SignatureAlgorithm::Sha1 => Algorithm::Hmac(Hash::Sha1),
        SignatureAlgorithm::Sha256 => Algorithm::Hmac(Hash::Sha256),
        SignatureAlgorithm::Sha384 => Algorithm::Hmac(Hash::Sha384),
        SignatureAlgorithm::Sha512 => Algorithm::Hmac(Hash::Sha512),
        SignatureAlgorithm::PlainSha256 => Algorithm::SecretThenTextSha256,
        SignatureAlgorithm::Ed25519 => Algorithm::Ed25519,
        SignatureAlgorithm::EcdsaP256 => Algorithm::EcdsaP256,
        SignatureAlgorithm::RsaSha1 => Algorithm::Rsa(Hash::Sha1),
        SignatureAlgorithm::RsaSha256 => Algorithm::Rsa(Hash::Sha256),
        SignatureAlgorithm::RsaSha384 => Algorithm::Rsa(Hash::Sha384),
        SignatureAlgorithm::RsaSha512 => Algorithm::Rsa(Hash::Sha512),
    };
    let key = || owned(wanted.key.as_deref().unwrap_or("v1"));
    let grammar = match wanted.grammar {
        workflow::Grammar::Bare => Grammar::Bare,
        workflow::Grammar::Prefix => Grammar::Prefix(owned(wanted.prefix.as_deref().unwrap_or_default())),
        workflow::Grammar::Pairs => {
            let separator = wanted.separator.as_deref().unwrap_or(",").trim();
            let mut letters = separator.chars();
            let (Some(separator), None) = (letters.next(), letters.next()) else {
                return Err("The separator between the pairs of a signature is one character.".to_owned());
            };
            Grammar::Pairs { separator, key: key() }
        }
        workflow::Grammar::Versions => Grammar::Versions(key()),
    };
    let encoding = encoding(wanted.encoding);
    let signed = match wanted.signed.as_slice() {
        [] => Cow::Borrowed(&[Part::Body][..]),
        parts => parts.iter().map(|signed| part(signed, wanted.url_form)).collect(),
    };
    Ok(Some(Scheme {
        signature: place(&wanted.place),
        grammar,
        algorithm,
        encoding,
        key: key_form(wanted, wanted_algorithm),
        signed,
        timestamp: timestamp(trigger, wanted),
        id: wanted.id.as_ref().map(field),
        event: wanted.event.as_ref().map(field),
        body_hash: None,
    }))
}

/// How a document says that bytes are written: in hex, if it says nothing.
pub(crate) fn encoding(wanted: Option<SignatureEncoding>) -> Encoding {
    match wanted.unwrap_or(SignatureEncoding::Hex) {
        SignatureEncoding::Hex => Encoding::Hex,
        SignatureEncoding::Base64 => Encoding::Base64,
        SignatureEncoding::Base64url => Encoding::Base64Url,
    }
}

/// The preset whose handshake a described sender has.
pub(super) fn handshake_of(trigger: &WebhookTrigger) -> Option<&'static Preset> {
    let kind = trigger.signature.as_ref()?.handshake?;
    hookmill_signatures::preset(kind.preset_id())
}

fn key_form(wanted: &workflow::Signature, algorithm: SignatureAlgorithm) -> KeyForm {
    let default = match algorithm {
        SignatureAlgorithm::Ed25519 => workflow::KeyForm::Hex,
        algorithm if algorithm.is_shared() => workflow::KeyForm::Text,
        _ => workflow::KeyForm::Spki,
    };
    let prefix = || owned(wanted.secret_prefix.as_deref().unwrap_or_default());
    match wanted.secret_form.unwrap_or(default) {
        workflow::KeyForm::Text => KeyForm::Text,
        workflow::KeyForm::Base64 => KeyForm::Encoded(Encoding::Base64, prefix()),
        workflow::KeyForm::Hex => KeyForm::Encoded(Encoding::Hex, prefix()),
        workflow::KeyForm::Spki => KeyForm::Spki,
        workflow::KeyForm::Pem => KeyForm::Pem,
    }
}

fn timestamp(trigger: &WebhookTrigger, wanted: &workflow::Signature) -> Option<Timestamp> {
    let place = match (&wanted.timestamp, &wanted.timestamp_key) {
        (Some(TimestampPlace::Header(name)), _) => Place::Header(owned(&name.to_ascii_lowercase())),
        (Some(TimestampPlace::Query(name)), _) => Place::Query(owned(name)),
        (Some(TimestampPlace::Pair(key)), _) => Place::Pair(owned(key)),
        (Some(TimestampPlace::Body(path)), _) => Place::Body(owned(&path.to_string())),
        (None, Some(key)) => Place::Pair(owned(key)),
        (None, None) => return None,
    };
    let unit = match wanted.timestamp_unit.unwrap_or(TimestampUnit::S) {
        TimestampUnit::S => Unit::Seconds,
        TimestampUnit::Ms => Unit::Millis,
    };
    let past_ms = trigger.tolerance.or(wanted.window).unwrap_or(WINDOW).0;
    let future_ms = (wanted.future != Some(true)).then_some(past_ms);
    Some(Timestamp { place, unit, window: Some(Window { past_ms, future_ms }) })
}

fn place(place: &workflow::Place) -> Place {
    match place {
        workflow::Place::Header(name) => {
            let name = name.to_ascii_lowercase();
            match name.strip_suffix("-*") {
                Some(_) => Place::Numbered(owned(name.trim_end_matches('*'))),
                None => Place::Header(Cow::Owned(name)),
            }
        }
        workflow::Place::Query(name) => Place::Query(owned(name)),
        workflow::Place::Body(path) => Place::Body(owned(&path.to_string())),
    }
}

fn field(field: &workflow::Field) -> Place {
    match field {
        workflow::Field::Header(name) => Place::Header(owned(&name.to_ascii_lowercase())),
        workflow::Field::Body(path) => Place::Body(owned(&path.to_string())),
    }
}

fn part(part: &SignedPart, url_form: Option<workflow::UrlForm>) -> Part {
    match part {
        SignedPart::Body => Part::Body,
        SignedPart::Timestamp => Part::Timestamp,
        SignedPart::Id => Part::Id,
        SignedPart::Method => Part::Method,
        SignedPart::Url => Part::Url(match url_form.unwrap_or(workflow::UrlForm::Exact) {
            workflow::UrlForm::Exact => UrlForm::Exact,
            workflow::UrlForm::EitherPort => UrlForm::EitherPort,
            workflow::UrlForm::Decoded => UrlForm::Decoded,
        }),
        SignedPart::Path => Part::Path,
        SignedPart::Form => Part::SortedForm,
        SignedPart::Query => Part::Query,
        SignedPart::Crc32 => Part::BodyCrc32,
        SignedPart::Member(path) => Part::Member(owned(&path.to_string())),
        SignedPart::Literal(text) => Part::Literal(owned(text)),
    }
}

fn owned(text: &str) -> Cow<'static, str> {
    Cow::Owned(text.to_owned())
}
