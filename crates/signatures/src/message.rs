//! HTTP message signatures (RFC 9421) over a request, with its body covered through `Content-Digest` (RFC 9530).
//!
//! A signature that leaves out a body that is there proves nothing about it, so it is refused.

mod base;
mod fields;
mod keys;
mod sign;

use crate::digest::content_digest_matches;
use crate::failure::{Code, Failure, Genuine};
use crate::scheme::{Timestamp, Unit, UrlForm, Window};
use crate::sent::Reading;
use crate::settings::Settings;
use crate::signed_text::Text;
use crate::url::public_urls;
use crate::{place, window};

use base::Input;
pub(crate) use fields::{Item, dictionary};
use keys::Unfit;
pub(crate) use sign::sign;

/// How many signatures one message may carry.
const SIGNATURES_MAX: usize = 8;
const WINDOW: Window = Window::both(300_000);

/// Judges a request: one of its signatures must be whole, in time and made with a live secret.
pub(crate) fn verify(settings: &Settings, secrets: &[&[u8]], reading: &Reading<'_>) -> Result<Genuine, Failure> {
    if secrets.is_empty() {
        return Err(Failure::owners(Code::SecretMissing, "The hook has no live secret to check the signature with."));
    }
    let (inputs, signatures) = (field(reading, "signature-input")?, field(reading, "signature")?);
    let inputs = base::inputs(&inputs).ok_or_else(|| malformed("Signature-Input is not as RFC 9421 writes it."))?;
    let signatures = dictionary(&signatures).ok_or_else(|| malformed("Signature is not as RFC 9421 writes it."))?;
    if inputs.is_empty() || inputs.len() > SIGNATURES_MAX {
        return Err(malformed(&format!("There must be one to {SIGNATURES_MAX} signatures.")));
    }
    let mut failure = None;
    for input in &inputs {
        let signature = signatures.iter().find_map(|(label, item)| match item {
            Item::Bytes(bytes) if *label == input.label => Some(bytes),
            _ => None,
        });
        let judged = match signature {
            Some(signature) => judge(settings, secrets, reading, input, signature),
            None => Err(Failure::plain(Code::SignatureMissing, format!("Signature has no bytes for `{}`.", input.label))),
        };
        match judged {
            Ok(genuine) => return Ok(genuine),
            Err(why) => failure = failure.or(Some(why)),
        }
    }
    Err(failure.unwrap_or_else(|| malformed("There is no signature.")))
}

fn malformed(text: &str) -> Failure {
    Failure::plain(Code::SignatureMalformed, text)
}

/// A field that may be sent in several lines, as one.
fn field(reading: &Reading<'_>, name: &str) -> Result<String, Failure> {
    let lines: Vec<&[u8]> = reading.sent.header_values(name).collect();
    if lines.is_empty() {
        return Err(Failure::plain(Code::SignatureMissing, format!("There is no header {name}.")));
    }
    let joined = lines.join(&b", "[..]);
    if joined.len() > crate::value::SIGNATURE_VALUE_BYTES_MAX {
        return Err(malformed(&format!("The header {name} is too long.")));
    }
    String::from_utf8(joined).map_err(|_| malformed(&format!("The header {name} is not text.")))
}

fn judge(
    settings: &Settings,
    secrets: &[&[u8]],
    reading: &Reading<'_>,
    input: &Input<'_>,
    signature: &[u8],
) -> Result<Genuine, Failure> {
    check_body(reading, input)?;
    let signed_at_ms = check_time(settings, reading, input)?;
    let signature = [signature.to_vec()];
    let urls = public_urls(settings, &reading.sent, UrlForm::Exact);
    let urls: Vec<Option<&str>> = if urls.is_empty() { vec![None] } else { urls.iter().map(|url| Some(url.as_str())).collect() };
    let bases = urls.into_iter().map(|url| base::signature_base(&reading.sent, url, input)).collect::<Result<Vec<_>, _>>()?;
    let mut unfit = None;
    for (at, secret) in secrets.iter().enumerate() {
        let numbered = |why: &str| format!("Secret {} of {}: {why}.", at + 1, secrets.len());
        // While an owner goes from one algorithm to another, the other secret may still fit.
        let keys = match keys::of(secret, input.algorithm()) {
            Ok(keys) => keys,
            Err(Unfit::Malformed(why)) => {
                unfit = unfit.or(Some(Failure::owners(Code::SecretMalformed, numbered(&why))));
                continue;
            }
            Err(Unfit::OtherAlgorithm(why)) => {
                unfit = unfit.or(Some(Failure::plain(Code::SignatureWrong, numbered(&why))));
                continue;
            }
        };
        let fits = |base: &String| keys.iter().any(|key| key.accepts(&Text::of(base.as_bytes()), &signature));
        if bases.iter().any(fits) {
            return Ok(Genuine { secret: Some(at), signed_at_ms: Some(signed_at_ms) });
        }
    }
    let wrong = || format!("The signature `{}` is not right for this request.", input.label);
    Err(unfit.unwrap_or_else(|| Failure::plain(Code::SignatureWrong, wrong())))
}

fn check_body(reading: &Reading<'_>, input: &Input<'_>) -> Result<(), Failure> {
    let covered = input.components.iter().any(|component| component.name == "content-digest");
    if !covered {
        let text = "The signature does not cover the body: sign `content-digest` too.";
        return if reading.sent.body.is_empty() { Ok(()) } else { Err(Failure::plain(Code::PartMissing, text)) };
    }
    let digest = field(reading, "content-digest")?;
    match content_digest_matches(digest.as_bytes(), reading.sent.body) {
        Some(true) => Ok(()),
        Some(false) => Err(Failure::plain(Code::DigestWrong, "Content-Digest is not that of the body.")),
        None => Err(Failure::plain(Code::DigestWrong, "Content-Digest has neither sha-256 nor sha-512.")),
    }
}

fn check_time(settings: &Settings, reading: &Reading<'_>, input: &Input<'_>) -> Result<i64, Failure> {
    let missing = || Failure::plain(Code::TimestampMissing, "The signature has no parameter `created`.");
    let created_ms = input.integer("created").ok_or_else(missing)?.saturating_mul(1000);
    let described = Timestamp { place: place::Place::Pair("created".into()), unit: Unit::Seconds, window: Some(WINDOW) };
    window::check(&described, settings.tolerance_ms, created_ms, reading.sent.now_ms)?;
    if input.integer("expires").is_some_and(|expires| expires.saturating_mul(1000) < reading.sent.now_ms) {
        return Err(Failure::plain(Code::TimestampStale, "The signature has expired by its own parameter `expires`."));
    }
    Ok(created_ms)
}

#[cfg(test)]
mod tests;
