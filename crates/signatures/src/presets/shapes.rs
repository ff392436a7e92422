//! The shapes that schemes of senders have in common, so that an entry tells only what is its own.

use std::borrow::Cow;
use std::time::Duration;

use crate::handshake::Handshake;
use crate::place::Place;
use crate::preset::{Need, Preset, Proof};
use crate::scheme::{Algorithm, Encoding, Grammar, Hash, KeyForm, Part, Scheme, Timestamp, Unit, Window};

pub(super) const HMAC_SHA1: Algorithm = Algorithm::Hmac(Hash::Sha1);
pub(super) const HMAC_SHA256: Algorithm = Algorithm::Hmac(Hash::Sha256);

/// What most senders and their libraries allow between signing and receiving.
pub(super) const FIVE_MINUTES: Window = Window::both(300_000);

/// An entry that says nothing yet but who it is about. Proven by schemes, with a secret, without ids, events and handshake.
pub(super) const fn entry(id: &'static str, name: &'static str, source: &'static str) -> Preset {
    Preset {
        id,
        name,
        source,
        proof: Proof::Signature,
        schemes: &[],
        secret: Need::Required,
        settings: &[],
        ids: &[],
        events: &[],
        element_id: None,
        signs_objects: false,
        retries: None,
        success: &[],
        answer_within: None,
        tries_for: None,
        handshake: Handshake::None,
    }
}

pub(super) const fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

pub(super) const fn hours(hours: u64) -> Option<Duration> {
    seconds(hours * 60 * 60)
}

pub(super) const fn header(name: &'static str) -> Place {
    Place::Header(Cow::Borrowed(name))
}

pub(super) const fn body(path: &'static str) -> Place {
    Place::Body(Cow::Borrowed(path))
}

pub(super) const fn literal(text: &'static str) -> Part {
    Part::Literal(Cow::Borrowed(text))
}

/// An HMAC of the body, alone in a header.
pub(super) const fn bare(name: &'static str, algorithm: Algorithm, encoding: Encoding) -> Scheme {
    Scheme::of_body(header(name), Grammar::Bare, algorithm, encoding)
}

/// An HMAC of the body in a header, after a prefix.
pub(super) const fn prefixed(name: &'static str, prefix: &'static str, algorithm: Algorithm, encoding: Encoding) -> Scheme {
    Scheme::of_body(header(name), Grammar::Prefix(Cow::Borrowed(prefix)), algorithm, encoding)
}

/// An HMAC-SHA256 with its timestamp in one list, as Stripe began it.
pub(super) const fn listed(
    name: &'static str,
    separator: char,
    (time_key, key): (&'static str, &'static str),
    encoding: Encoding,
    signed: &'static [Part],
    (unit, window): (Unit, Window),
) -> Scheme {
    let grammar = Grammar::Pairs { separator, key: Cow::Borrowed(key) };
    let timestamp = Timestamp { place: Place::Pair(Cow::Borrowed(time_key)), unit, window: Some(window) };
    Scheme::of(header(name), grammar, HMAC_SHA256, encoding, signed, Some(timestamp))
}

/// A signature with its timestamp in a header of its own.
pub(super) const fn timed(
    name: &'static str,
    grammar: Grammar,
    (algorithm, encoding): (Algorithm, Encoding),
    signed: &'static [Part],
    timestamp: Timestamp,
) -> Scheme {
    Scheme::of(header(name), grammar, algorithm, encoding, signed, Some(timestamp))
}

pub(super) const fn stamp(name: &'static str, unit: Unit, window: Option<Window>) -> Timestamp {
    Timestamp { place: header(name), unit, window }
}

/// `timestamp.body`.
pub(super) const TIME_DOT_BODY: &[Part] = &[Part::Timestamp, literal("."), Part::Body];
/// `id.timestamp.body`.
const ID_DOT_TIME_DOT_BODY: &[Part] = &[Part::Id, literal("."), Part::Timestamp, literal("."), Part::Body];
/// `v0:timestamp:body`.
pub(super) const V0_TIME_BODY: &[Part] = &[literal("v0:"), Part::Timestamp, literal(":"), Part::Body];

/// Standard Webhooks with the headers of either family
/// (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
pub(super) const fn standard(
    [id, timestamp, signature]: [&'static str; 3],
    version: &'static str,
    algorithm: Algorithm,
    key_prefix: &'static str,
) -> Scheme {
    Scheme {
        signature: header(signature),
        grammar: Grammar::Versions(Cow::Borrowed(version)),
        algorithm,
        encoding: Encoding::Base64,
        key: KeyForm::Encoded(Encoding::Base64, Cow::Borrowed(key_prefix)),
        signed: Cow::Borrowed(ID_DOT_TIME_DOT_BODY),
        timestamp: Some(stamp(timestamp, Unit::Seconds, Some(FIVE_MINUTES))),
        id: Some(header(id)),
        event: None,
        body_hash: None,
    }
}

pub(super) const WEBHOOK_HEADERS: [&str; 3] = ["webhook-id", "webhook-timestamp", "webhook-signature"];
pub(super) const SVIX_HEADERS: [&str; 3] = ["svix-id", "svix-timestamp", "svix-signature"];
