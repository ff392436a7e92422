//! From the value in its place to the bytes of the signatures in it.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::failure::{Code, Failure};
use crate::place::Place;
use crate::scheme::{Encoding, Grammar, Scheme};
use crate::sent::Reading;

/// How long the value in the signature's place may be.
pub(crate) const SIGNATURE_VALUE_BYTES_MAX: usize = 16 * 1024;
/// How many signatures one request may offer. A sender needs two while it rotates its secret.
pub(crate) const SIGNATURES_MAX: usize = 16;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const BASE64_URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

impl Encoding {
    /// The bytes that a text stands for.
    pub(crate) fn decode(self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Hex => hex::decode(text).ok(),
            Self::Base64 => BASE64.decode(text).ok(),
            Self::Base64Url => BASE64_URL.decode(text).ok(),
        }
    }

    /// The text that stands for bytes.
    #[must_use]
    pub fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => hex::encode(bytes),
            Self::Base64 => base64::engine::general_purpose::STANDARD.encode(bytes),
            Self::Base64Url => base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes),
        }
    }
}

/// What a request offers as proof.
pub(crate) struct Offered {
    /// The decoded signatures, at least one.
    pub(crate) signatures: Vec<Vec<u8>>,
    /// The text of the `timestamp` key of the signature's own list.
    pub(crate) pair_timestamp: Option<String>,
}

/// Whether there is anything in the signature's place.
pub(crate) fn is_offered(scheme: &Scheme, reading: &Reading<'_>) -> bool {
    let values = scheme.signature.values(reading);
    match &scheme.grammar {
        Grammar::Prefix(prefix) => values.iter().any(|value| value.starts_with(prefix.as_bytes())),
        Grammar::Bare | Grammar::Pairs { .. } | Grammar::Versions(_) => !values.is_empty(),
    }
}

/// Reads the signatures that a request offers.
pub(crate) fn read(scheme: &Scheme, reading: &Reading<'_>) -> Result<Offered, Failure> {
    let values = scheme.signature.values(reading);
    if values.iter().all(|value| value.trim_ascii().is_empty()) {
        return Err(Failure::plain(Code::SignatureMissing, format!("There is no signature in {}.", scheme.signature)));
    }
    if values.iter().map(|value| value.len()).sum::<usize>() > SIGNATURE_VALUE_BYTES_MAX {
        let text = format!("{} is longer than {SIGNATURE_VALUE_BYTES_MAX} bytes.", scheme.signature);
        return Err(Failure::plain(Code::SignatureMalformed, text));
    }
    let texts = candidates(&scheme.grammar, &values);
    if texts.len() > SIGNATURES_MAX {
        let text = format!("{} holds more than {SIGNATURES_MAX} signatures.", scheme.signature);
        return Err(Failure::plain(Code::SignatureMalformed, text));
    }
    let signatures: Vec<Vec<u8>> = texts.iter().filter_map(|text| scheme.encoding.decode(text)).collect();
    if signatures.is_empty() {
        let text = format!("{} must hold {}.", scheme.signature, expected(scheme));
        return Err(Failure::plain(Code::SignatureMalformed, text));
    }
    Ok(Offered { signatures, pair_timestamp: pair_timestamp(scheme, &values)? })
}

/// The texts that may be a signature, by the grammar.
fn candidates<'v>(grammar: &Grammar, values: &'v [Cow<'_, [u8]>]) -> Vec<&'v [u8]> {
    let values = values.iter().map(|value| value.trim_ascii()).filter(|value| !value.is_empty());
    match grammar {
        Grammar::Bare => values.collect(),
        Grammar::Prefix(prefix) => values.filter_map(|value| value.strip_prefix(prefix.as_bytes())).collect(),
        Grammar::Pairs { separator, key } => {
            let pairs = values.flat_map(|value| pairs(value, *separator));
            pairs.filter(|(name, _)| *name == key.as_bytes()).map(|(_, value)| value).collect()
        }
        Grammar::Versions(version) => {
            let words = values.flat_map(|value| value.split(u8::is_ascii_whitespace));
            words.filter_map(|word| word.strip_prefix(version.as_bytes())?.strip_prefix(b",")).collect()
        }
    }
}

/// The `key=value` pairs of a list.
fn pairs(value: &[u8], separator: char) -> impl Iterator<Item = (&[u8], &[u8])> {
    value.split(move |byte| char::from(*byte) == separator).filter_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        Some((pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii()))
    })
}

fn pair_timestamp(scheme: &Scheme, values: &[Cow<'_, [u8]>]) -> Result<Option<String>, Failure> {
    let (Some(Place::Pair(wanted)), Grammar::Pairs { separator, .. }) =
        (scheme.timestamp.as_ref().map(|timestamp| &timestamp.place), &scheme.grammar)
    else {
        return Ok(None);
    };
    let all = values.iter().flat_map(|value| pairs(value, *separator));
    let mut found = all.filter(|(name, _)| *name == wanted.as_bytes()).map(|(_, value)| value);
    let Some(first) = found.next() else { return Ok(None) };
    if found.any(|other| other != first) {
        let text = format!("{} names two different times.", scheme.signature);
        return Err(Failure::plain(Code::TimestampMalformed, text));
    }
    Ok(std::str::from_utf8(first).ok().map(str::to_owned))
}

/// What belongs in the signature's place, in words.
fn expected(scheme: &Scheme) -> String {
    let encoding = scheme.encoding.name();
    match &scheme.grammar {
        Grammar::Bare => format!("the signature in {encoding} and nothing else"),
        Grammar::Prefix(prefix) => format!("`{prefix}` and then the signature in {encoding}"),
        Grammar::Pairs { separator, key } => {
            format!("a list separated by `{separator}` with `{key}=` and the signature in {encoding}")
        }
        Grammar::Versions(version) => format!("`{version},` and then the signature in {encoding}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(grammar: &Grammar, value: &str) -> Vec<String> {
        let values = [Cow::Borrowed(value.as_bytes())];
        candidates(grammar, &values).into_iter().map(|text| String::from_utf8_lossy(text).into_owned()).collect()
    }

    #[test]
    fn each_grammar_finds_its_signatures_and_skips_the_rest() {
        let pairs = |separator| Grammar::Pairs { separator, key: "v1".into() };
        for (grammar, value, expected) in [
            (Grammar::Bare, " abc ", vec!["abc"]),
            (Grammar::Prefix("sha256=".into()), "sha256=abc", vec!["abc"]),
            (Grammar::Prefix("sha256=".into()), "sha1=abc", vec![]),
            (pairs(','), "t=1,v1=a,v0=b, v1=c==", vec!["a", "c=="]),
            (pairs(';'), "ts=1;v1=a", vec!["a"]),
            (pairs(','), "nonsense,,=,v1", vec![]),
            (Grammar::Versions("v1".into()), "v1,a v1a,b v2,c  v1,d", vec!["a", "d"]),
            (Grammar::Versions("v1a".into()), "v1,a v1a,b", vec!["b"]),
        ] {
            assert_eq!(texts(&grammar, value), expected, "{value}");
        }
    }

    #[test]
    fn padding_may_be_missing_but_the_alphabet_counts() {
        assert_eq!(Encoding::Base64.decode(b"AQ=="), Some(vec![1]));
        assert_eq!(Encoding::Base64.decode(b"AQ"), Some(vec![1]));
        assert_eq!(Encoding::Base64.decode(b"-_8"), None);
        assert_eq!(Encoding::Base64Url.decode(b"-_8"), Some(vec![0xfb, 0xff]));
        assert_eq!(Encoding::Hex.decode(b"0A0b"), Some(vec![10, 11]));
        assert_eq!(Encoding::Hex.decode(b"0g"), None);
    }
}
