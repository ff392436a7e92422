//! Schemes that differ from the given one in a single point.

use std::borrow::Cow;

use crate::place::Place;
use crate::scheme::{Algorithm, Encoding, Grammar, Hash, KeyForm, Part, Scheme};
use crate::sent::Sent;

const ENCODINGS: [Encoding; 3] = [Encoding::Hex, Encoding::Base64, Encoding::Base64Url];
const HASHES: [Hash; 4] = [Hash::Sha1, Hash::Sha256, Hash::Sha384, Hash::Sha512];
/// How many headers are tried as the place of the signature.
const HEADERS_MAX: usize = 100;

/// Each with what differs, as the end of "The signature fits if …".
pub(super) fn others(scheme: &Scheme, sent: &Sent<'_>) -> Vec<(String, Scheme)> {
    let mut found = Vec::new();
    other_spellings(scheme, &mut found);
    if let Algorithm::Hmac(used) = scheme.algorithm {
        for hash in HASHES.into_iter().filter(|hash| *hash != used) {
            let what = format!("it is made with {} instead of {}", hash.name(), used.name());
            let other = Scheme { algorithm: Algorithm::Hmac(hash), ..scheme.clone() };
            // The prefix often names the algorithm.
            if let Grammar::Prefix(prefix) = &scheme.grammar
                && prefix.contains(used.name())
            {
                let prefix = prefix.replace(used.name(), hash.name());
                found.push((what.clone(), Scheme { grammar: Grammar::Prefix(prefix.into()), ..other.clone() }));
            }
            found.push((what, other));
        }
    }
    other_places(scheme, sent, &mut found);
    other_texts(scheme, &mut found);
    found
}

/// Another encoding, with or without the prefix.
fn other_spellings(scheme: &Scheme, found: &mut Vec<(String, Scheme)>) {
    for encoding in ENCODINGS.into_iter().filter(|encoding| *encoding != scheme.encoding) {
        let what = format!("it is read as {} instead of {}", encoding.name(), scheme.encoding.name());
        found.push((what, Scheme { encoding, ..scheme.clone() }));
    }
    match &scheme.grammar {
        Grammar::Prefix(prefix) => {
            let what = format!("it is taken without the prefix `{prefix}`, which is missing");
            found.push((what, Scheme { grammar: Grammar::Bare, ..scheme.clone() }));
        }
        Grammar::Bare => {
            for prefix in ["sha256=", "sha1=", "sha512=", "v0=", "v1=", "v1,"] {
                let what = format!("its prefix `{prefix}` is taken off");
                found.push((what, Scheme { grammar: Grammar::Prefix(Cow::Borrowed(prefix)), ..scheme.clone() }));
            }
        }
        Grammar::Versions(version) => {
            let what = format!("it is taken without `{version},`, which is missing");
            found.push((what, Scheme { grammar: Grammar::Bare, ..scheme.clone() }));
        }
        Grammar::Pairs { .. } => {}
    }
}

/// The signature in another header, or its companions there.
fn other_places(scheme: &Scheme, sent: &Sent<'_>, found: &mut Vec<(String, Scheme)>) {
    let headers = sent.headers.iter().map(|(name, _)| *name).take(HEADERS_MAX);
    for name in headers.filter(|name| !matches!(&scheme.signature, Place::Header(own) if own == name)) {
        let what = format!("it is taken from the header {name} instead of {}", scheme.signature);
        let signature = Place::Header(Cow::Owned(name.to_owned()));
        found.push((what, Scheme { signature, ..scheme.clone() }));
    }
}

/// Another text: the body alone, or the body with its time in the usual ways.
fn other_texts(scheme: &Scheme, found: &mut Vec<(String, Scheme)>) {
    let literal = |text: &'static str| Part::Literal(Cow::Borrowed(text));
    let texts = [
        ("only the body", vec![Part::Body]),
        ("`timestamp.body`", vec![Part::Timestamp, literal("."), Part::Body]),
        ("`timestamp:body`", vec![Part::Timestamp, literal(":"), Part::Body]),
        ("`timestamp` and `body` without a separator", vec![Part::Timestamp, Part::Body]),
        ("`body` and `timestamp` without a separator", vec![Part::Body, Part::Timestamp]),
        ("`v0:timestamp:body`", vec![literal("v0:"), Part::Timestamp, literal(":"), Part::Body]),
    ];
    for (name, signed) in texts {
        if scheme.signed != signed && (scheme.timestamp.is_some() || !signed.contains(&Part::Timestamp)) {
            found.push((format!("what is signed is {name}"), Scheme { signed: Cow::Owned(signed), ..scheme.clone() }));
        }
    }
}

/// Other ways to read the secret, as the end of "if the stored secret is taken …".
pub(super) fn other_key_forms(scheme: &Scheme) -> Vec<(String, Scheme)> {
    let mut forms = vec![("as text".to_owned(), KeyForm::Text)];
    for encoding in ENCODINGS {
        forms.push((format!("as {}", encoding.name()), KeyForm::Encoded(encoding, Cow::Borrowed(""))));
        forms.push((format!("as {} after `whsec_`", encoding.name()), KeyForm::Encoded(encoding, Cow::Borrowed("whsec_"))));
    }
    if !matches!(scheme.algorithm, Algorithm::Hmac(_) | Algorithm::SecretThenTextSha256) {
        forms.extend([("as SPKI in base64".to_owned(), KeyForm::Spki), ("as PEM".to_owned(), KeyForm::Pem)]);
    }
    let others = forms.into_iter().filter(|(_, form)| *form != scheme.key);
    others.map(|(what, key)| (what, Scheme { key, ..scheme.clone() })).collect()
}
