//! Judging a request by a scheme.

use std::borrow::Cow;

use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq as _;

use crate::failure::{Code, Failure, Genuine};
use crate::key::Key;
use crate::place::Place;
use crate::scheme::{KeyForm, Scheme};
use crate::sent::Reading;
use crate::settings::Settings;
use crate::{certificate, credentials, signed_text, value, window};

/// How many live secrets a hook may have.
const SECRETS_MAX: usize = 16;

/// Judges a request by the first scheme whose signature it carries, or by the first one at all, so that the failure names the
/// place where a signature belongs.
pub(crate) fn by_schemes(
    schemes: &[Scheme],
    settings: &Settings,
    secrets: &[&[u8]],
    reading: &Reading<'_>,
) -> Result<Genuine, Failure> {
    let scheme = schemes.iter().find(|scheme| applies(scheme, reading)).or_else(|| schemes.first());
    let scheme =
        scheme.ok_or_else(|| Failure::owners(Code::SettingMissing, "The document does not say how requests are signed."))?;
    by_scheme(scheme, settings, secrets, reading)
}

fn applies(scheme: &Scheme, reading: &Reading<'_>) -> bool {
    scheme.body_hash.as_ref().is_none_or(|name| !reading.sent.query_values(name).is_empty()) && value::is_offered(scheme, reading)
}

/// Judges a request by one scheme: first the signature, then the time, so that only a holder of the secret learns about times.
pub(crate) fn by_scheme(
    scheme: &Scheme,
    settings: &Settings,
    secrets: &[&[u8]],
    reading: &Reading<'_>,
) -> Result<Genuine, Failure> {
    let Keys { usable: keys, unusable } = keys(scheme, settings, secrets, reading)?;
    let offered = value::read(scheme, reading)?;
    let timestamp = timestamp_text(scheme, reading, offered.pair_timestamp.as_deref())?;
    let texts = signed_text::texts(scheme, settings, reading, timestamp.as_deref())?;
    let fits = |key: &Key| texts.iter().any(|text| key.accepts(text, &offered.signatures));
    let Some((found, _)) = keys.iter().find(|(_, key)| fits(key)) else { return Err(wrong(scheme, keys.len(), unusable)) };
    check_body_hash(scheme, reading)?;
    let mut signed_at_ms = None;
    if let (Some(described), Some(text)) = (&scheme.timestamp, &timestamp) {
        let parsed = window::parse(text, described.unit).ok_or_else(|| {
            Failure::plain(Code::TimestampMalformed, format!("{} is not a time as this scheme writes it.", described.place))
        })?;
        window::check(described, settings.tolerance_ms, parsed, reading.sent.now_ms)?;
        signed_at_ms = Some(parsed);
    }
    Ok(Genuine { secret: (scheme.key != KeyForm::Certificate).then_some(*found), signed_at_ms })
}

/// The keys of a hook.
struct Keys {
    /// Each with the position of its secret.
    usable: Vec<(usize, Key)>,
    /// What is wrong with the first secret that is no key. It only matters if none is: while secrets rotate, a mistake in the
    /// new one must not shut out who signs with the old one.
    unusable: Option<Failure>,
}

fn keys(scheme: &Scheme, settings: &Settings, secrets: &[&[u8]], reading: &Reading<'_>) -> Result<Keys, Failure> {
    if scheme.key == KeyForm::Certificate {
        let key = certificate::key(scheme.algorithm, settings, reading.sent.now_ms)?;
        return Ok(Keys { usable: vec![(0, key)], unusable: None });
    }
    let secrets = live(secrets)?;
    let mut keys = Keys { usable: Vec::with_capacity(secrets.len()), unusable: None };
    for (at, secret) in secrets.iter().enumerate() {
        match Key::new(scheme.algorithm, &scheme.key, secret) {
            Ok(key) => keys.usable.push((at, key)),
            Err(why) => {
                let text = format!("Secret {} of {} cannot be used: {why}.", at + 1, secrets.len());
                keys.unusable.get_or_insert_with(|| Failure::owners(Code::SecretMalformed, text));
            }
        }
    }
    match keys.unusable {
        Some(failure) if keys.usable.is_empty() => Err(failure),
        _ => Ok(keys),
    }
}

/// The secrets, if there are any and not absurdly many.
fn live<'s>(secrets: &'s [&'s [u8]]) -> Result<&'s [&'s [u8]], Failure> {
    if secrets.is_empty() {
        return Err(Failure::owners(Code::SecretMissing, "The hook has no live secret to check the signature with."));
    }
    if secrets.len() > SECRETS_MAX {
        return Err(Failure::owners(Code::SecretMalformed, format!("The hook has more than {SECRETS_MAX} live secrets.")));
    }
    Ok(secrets)
}

fn timestamp_text<'r>(scheme: &Scheme, reading: &'r Reading<'_>, pair: Option<&'r str>) -> Result<Option<Cow<'r, str>>, Failure> {
    let Some(described) = &scheme.timestamp else { return Ok(None) };
    let found = match described.place {
        Place::Pair(_) => pair.map(Cow::Borrowed),
        Place::Header(_) | Place::Numbered(_) | Place::Query(_) | Place::Body(_) | Place::Bearer => described.place.text(reading),
    };
    let missing =
        || Failure::plain(Code::TimestampMissing, format!("The timestamp is missing: it belongs in {}.", described.place));
    found.map(Some).ok_or_else(missing)
}

fn wrong(scheme: &Scheme, keys: usize, unusable: Option<Failure>) -> Failure {
    let for_sender = format!("The signature in {} is not right for this request.", scheme.signature);
    let tried = if keys == 1 { "the live secret".to_owned() } else { format!("any of the {keys} live secrets") };
    let unusable = unusable.map_or_else(String::new, |failure| format!(" {}", failure.for_owner));
    Failure { code: Code::SignatureWrong, for_owner: format!("{for_sender} It was not made with {tried}.{unusable}"), for_sender }
}

fn check_body_hash(scheme: &Scheme, reading: &Reading<'_>) -> Result<(), Failure> {
    let Some(name) = &scheme.body_hash else { return Ok(()) };
    let expected = digest(&SHA256, reading.sent.body);
    let found = reading.sent.query_values(name);
    let fits = |text: &Cow<'_, [u8]>| hex::decode(text).is_ok_and(|bytes| bool::from(bytes.as_slice().ct_eq(expected.as_ref())));
    if !found.is_empty() && found.iter().all(fits) {
        return Ok(());
    }
    Err(Failure::plain(Code::DigestWrong, format!("The query parameter {name} is not the SHA-256 of the body.")))
}

/// Judges a request by a token that is the secret itself.
pub(crate) fn by_token(places: &[Place], secrets: &[&[u8]], reading: &Reading<'_>) -> Result<Genuine, Failure> {
    let secrets = live(secrets)?;
    let presented: Vec<_> = places.iter().flat_map(|place| place.values(reading)).collect();
    let in_words = places.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
    if presented.iter().all(|value| value.is_empty()) {
        return Err(Failure::plain(Code::SignatureMissing, format!("There is no token in {in_words}.")));
    }
    let fits = |secret: &&[u8]| presented.iter().any(|value| credentials::matches(value, secret));
    match secrets.iter().position(fits) {
        Some(found) => Ok(Genuine { secret: Some(found), signed_at_ms: None }),
        None => Err(Failure::plain(Code::SignatureWrong, format!("The token in {in_words} is not the secret of this hook."))),
    }
}
