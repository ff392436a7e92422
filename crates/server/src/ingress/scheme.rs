//! The signature that a document describes, in the terms of those who check it.

use std::borrow::Cow;

use hookmill_engine::time::Span;
use hookmill_engine::workflow::{
    self, HashAlgorithm, SignatureEncoding, SignedPart, TimestampPlace, TimestampUnit, WebhookTrigger,
};
use hookmill_signatures::{Algorithm, Encoding, Grammar, Hash, KeyForm, Part, Place, Scheme, Timestamp, Unit, UrlForm, Window};

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
    let ed25519 = trigger.preset.as_deref() == Some(ED25519);
    let algorithm = match wanted.algorithm.unwrap_or(HashAlgorithm::Sha256) {
        _ if ed25519 => Algorithm::Ed25519,
        HashAlgorithm::Sha1 => Algorithm::Hmac(Hash::Sha1),
        HashAlgorithm::Sha256 => Algorithm::Hmac(Hash::Sha256),
        HashAlgorithm::Sha384 => Algorithm::Hmac(Hash::Sha384),
        HashAlgorithm::Sha512 => Algorithm::Hmac(Hash::Sha512),
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
    let encoding = match wanted.encoding.unwrap_or(SignatureEncoding::Hex) {
        SignatureEncoding::Hex => Encoding::Hex,
        SignatureEncoding::Base64 => Encoding::Base64,
        SignatureEncoding::Base64url => Encoding::Base64Url,
    };
    let signed = match wanted.signed.as_slice() {
        [] => Cow::Borrowed(&[Part::Body][..]),
        parts => parts.iter().map(part).collect(),
    };
    Ok(Some(Scheme {
        signature: place(&wanted.place),
        grammar,
        algorithm,
        encoding,
        key: key_form(wanted, ed25519),
        signed,
        timestamp: timestamp(trigger, wanted),
        id: wanted.id.as_ref().map(field),
        event: wanted.event.as_ref().map(field),
        body_hash: None,
    }))
}

fn key_form(wanted: &workflow::Signature, ed25519: bool) -> KeyForm {
    let default = if ed25519 { workflow::KeyForm::Hex } else { workflow::KeyForm::Text };
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
        workflow::Place::Header(name) => Place::Header(owned(&name.to_ascii_lowercase())),
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

fn part(part: &SignedPart) -> Part {
    match part {
        SignedPart::Body => Part::Body,
        SignedPart::Timestamp => Part::Timestamp,
        SignedPart::Id => Part::Id,
        SignedPart::Method => Part::Method,
        SignedPart::Url => Part::Url(UrlForm::Exact),
        SignedPart::Path => Part::Path,
        SignedPart::Form => Part::SortedForm,
        SignedPart::Query => Part::Query,
        SignedPart::Crc32 => Part::BodyCrc32,
        SignedPart::Literal(text) => Part::Literal(owned(text)),
    }
}

fn owned(text: &str) -> Cow<'static, str> {
    Cow::Owned(text.to_owned())
}
