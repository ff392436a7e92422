//! Why a signature does not fit: the one difference that would make it fit.
//!
//! Only for the owner, never for the sender: the answer tells a forger which part was right.

mod requests;
mod schemes;

use crate::failure::{Code, Failure};
use crate::place::Place;
use crate::preset::{Preset, Proof};
use crate::scheme::{KeyForm, Scheme};
use crate::sent::{Reading, Sent};
use crate::settings::Settings;
use crate::{credentials, verify};

/// Explains why a request is not proven, if a single difference explains it: another spelling of the secret, another encoding,
/// a missing prefix, another header, a body that was changed on its way, another URL, a clock that is wrong. `None` if the
/// request is genuine or if nothing explains it.
///
/// Costs some hundred hashes of the body; call it when an owner asks.
#[must_use]
pub fn doctor(preset: &Preset, settings: &Settings, secrets: &[&[u8]], sent: &Sent<'_>) -> Option<String> {
    let failure = preset.verify(settings, secrets, sent).err()?;
    if let Some(text) = plain_reason(&failure) {
        return Some(text);
    }
    match preset.proof {
        Proof::Token(places) => misplaced_token(places, secrets, sent),
        Proof::Signature => preset.schemes.iter().find_map(|scheme| explain(scheme, settings, secrets, sent)),
        Proof::Configured => settings.scheme.as_ref().and_then(|scheme| explain(scheme, settings, secrets, sent)),
        Proof::MessageSignature => requests::other_urls(settings).into_iter().find_map(|(what, settings)| {
            preset.verify(&settings, secrets, sent).is_ok().then(|| format!("The signature fits if {what}."))
        }),
        Proof::ClientState | Proof::Sns | Proof::Unproven => None,
    }
}

/// Which of other secrets this request was signed with, by name: those of other hooks, or expired ones. The time aside.
#[must_use]
pub fn doctor_among<'n>(
    preset: &Preset,
    settings: &Settings,
    others: impl IntoIterator<Item = (&'n str, &'n [u8])>,
    sent: &Sent<'_>,
) -> Option<&'n str> {
    let timeless = Settings { tolerance_ms: Some(u64::MAX), ..settings.clone() };
    let found = others.into_iter().find(|(_, secret)| preset.verify(&timeless, &[*secret], sent).is_ok());
    found.map(|(name, _)| name)
}

/// Failures that explain themselves.
fn plain_reason(failure: &Failure) -> Option<String> {
    match failure.code {
        Code::TimestampStale | Code::TimestampFuture => Some(format!(
            "The signature is right. {} Check the clocks of both sides, or allow more with `tolerance`.",
            failure.for_owner
        )),
        code if code.is_owners() => Some(failure.for_owner.clone()),
        Code::CertificateNotAllowed | Code::TimestampMissing => Some(failure.for_owner.clone()),
        _ => None,
    }
}

/// Whether a request would be genuine so, the time aside.
fn fits(scheme: &Scheme, settings: &Settings, secrets: &[&[u8]], sent: &Sent<'_>) -> bool {
    let timeless = Settings { tolerance_ms: Some(u64::MAX), ..settings.clone() };
    match verify::by_scheme(scheme, &timeless, secrets, &Reading::new(sent)) {
        Ok(_) => true,
        Err(failure) => failure.code == Code::TimestampMalformed,
    }
}

fn explain(scheme: &Scheme, settings: &Settings, secrets: &[&[u8]], sent: &Sent<'_>) -> Option<String> {
    if fits(scheme, settings, secrets, sent) {
        return Some("The signature is right, but its timestamp is not written as the scheme says: check the unit.".into());
    }
    let by_secret = || other_secrets(scheme, settings, secrets, sent);
    let by_scheme = || {
        let other = schemes::others(scheme, sent).into_iter().find(|(_, other)| fits(other, settings, secrets, sent));
        other.map(|(what, _)| format!("The signature fits if {what}."))
    };
    let by_body = || {
        let other = requests::other_bodies(sent.body)
            .into_iter()
            .find(|(_, body)| fits(scheme, settings, secrets, &Sent { body, ..*sent }));
        other.map(|(what, _)| format!("The signature fits if {what}: the body was changed on its way."))
    };
    let by_url = || {
        let other = requests::other_urls(settings).into_iter().find(|(_, other)| fits(scheme, other, secrets, sent));
        other.map(|(what, _)| format!("The signature fits if {what}."))
    };
    by_secret().or_else(by_scheme).or_else(by_body).or_else(by_url)
}

/// Other readings of the stored secrets.
fn other_secrets(scheme: &Scheme, settings: &Settings, secrets: &[&[u8]], sent: &Sent<'_>) -> Option<String> {
    if scheme.key == KeyForm::Certificate {
        return None;
    }
    let trimmed: Vec<&[u8]> = secrets.iter().map(|secret| secret.trim_ascii()).collect();
    if fits(scheme, settings, &trimmed, sent) {
        return Some("The stored secret has white space around it: store it without.".into());
    }
    for prefix in ["whsec_", "whpk_", "secret_"] {
        let without: Vec<&[u8]> = secrets.iter().map(|secret| secret.strip_prefix(prefix.as_bytes()).unwrap_or(secret)).collect();
        if fits(scheme, settings, &without, sent) {
            return Some(format!("The signature fits if the stored secret is taken without its prefix `{prefix}`."));
        }
        let with: Vec<Vec<u8>> = secrets.iter().map(|secret| [prefix.as_bytes(), secret].concat()).collect();
        let with: Vec<&[u8]> = with.iter().map(Vec::as_slice).collect();
        if fits(scheme, settings, &with, sent) {
            return Some(format!("The stored secret lacks its prefix `{prefix}`: store it as the sender shows it."));
        }
    }
    let other = schemes::other_key_forms(scheme).into_iter().find(|(_, other)| fits(other, settings, secrets, sent));
    other.map(|(what, _)| format!("The signature fits if the stored secret is taken {what}."))
}

/// The right token in the wrong place, or with something around it.
fn misplaced_token(places: &[Place], secrets: &[&[u8]], sent: &Sent<'_>) -> Option<String> {
    let expected = places.first()?;
    let is_secret = |value: &[u8]| secrets.iter().any(|secret| credentials::matches(value, secret));
    if secrets
        .iter()
        .any(|secret| secret.trim_ascii() != *secret && sent.headers.iter().any(|(_, value)| *value == secret.trim_ascii()))
    {
        return Some("The stored secret has white space around it: store it without.".into());
    }
    let header = sent.headers.iter().find(|(_, value)| {
        let bare = credentials::bearer(value).unwrap_or(value);
        is_secret(value.trim_ascii()) || is_secret(bare)
    });
    header.map(|(name, _)| format!("The right token came in the header {name}, but it belongs in {expected}."))
}

#[cfg(test)]
mod tests;
